import type { HostMount } from '../../engine/container-facts.js'
import type { Evidence, Probe, Problem, Trial } from './evidence.js'
import { REMOVE_CHANGE, untold, when } from './evidence.js'
import type { Look } from './look.js'
import { mountsOf } from './look.js'
import { hasNoNewPrivileges } from './rights.js'

/** The files that every engine makes for a container. */
const OF_ENGINE = /^\/etc\/(?:hosts|hostname|resolv\.conf)$|\/docker-init$|^\/dev\/termination-log$/
/** The file systems that a runtime makes for a container, and where. */
const MADE = new Set(['proc', 'sysfs', 'devpts', 'mqueue', 'cgroup', 'cgroup2'])
const MADE_AT = /^\/(?:proc|sys|dev)(?:\/|$)/
/** Writable places that hold no files of programs, or have a limit of the kernel. */
const HARMLESS = /^\/(?:proc|sys|dev\/(?:mqueue|pts|console|null|full|zero|tty|u?random))(?:\/|$)/
const MIB = 1024 ** 2
const MOST_NAMES = 5

/** Returns the folders that the pool makes writable, with their sizes. */
export function writableFolders({
  limits,
}: Pick<Evidence['asked'], 'limits'>): ReadonlyMap<string, number> {
  return new Map([
    ['/workspace', limits.workspaceBytes],
    ['/tmp', limits.tmpBytes],
    ['/dev/shm', limits.shmBytes],
  ])
}

const root: Probe = {
  name: 'root',
  found: () => 'read-only',
  problems: ({ inside: { look }, outside }) => {
    const mount = mountsOf(look).findLast(({ target }) => target === '/')
    return [
      ...when(
        mount === undefined && outside === undefined,
        'weak',
        'not measured: the mounts are not visible',
        'Use an engine that implements inspect()',
      ),
      ...when(
        mount?.isReadOnly === false ||
          outside?.isRootReadOnly === false ||
          look.writable.includes('/'),
        'broken',
        'writable: files of programs are on the disk of the host, without a limit',
        REMOVE_CHANGE,
      ),
    ]
  },
}

const writable: Probe = {
  name: 'writable-mounts',
  found: ({ asked }) =>
    [...writableFolders(asked)].map(([path, bytes]) => `${path} ${sizeText(bytes)}`).join(', '),
  problems: ({ asked, inside: { look, fills } }) => {
    const folders = writableFolders(asked)
    const ofPool = [...folders].flatMap(([path, bytes]) =>
      sizeProblems({ path, bytes, size: look.sizes[path] ?? 0, fill: fills[path] }),
    )
    const others = look.writable.filter(
      (path) => path !== '/' && !folders.has(path) && !HARMLESS.test(path),
    )
    const unbounded = others.filter((path) => (look.sizes[path] ?? 0) > asked.limits.memoryBytes)
    const found = `programs can also write to ${unbounded.join(', ')}`
    const advice = 'Remove the mounts, or use an image without volumes'
    return ofPool.concat(
      when(unbounded.length > 0, 'weak', found, advice),
      asked.hasOwnKernel ? [] : flagProblems(look, folders),
    )
  },
}

/** A writable folder: the size that was asked for, the size that it shows, and the trial to fill it. */
interface Folder {
  path: string
  bytes: number
  size: number
  fill: Trial | undefined
}

/** If the runtime has its own kernel, the flags may be missing. */
function flagProblems(look: Look, folders: ReadonlyMap<string, number>): readonly Problem[] {
  const missing = mountsOf(look).flatMap(({ target, options }) => {
    const lacks = ['nosuid', 'nodev'].filter((flag) => !options.includes(flag))
    return folders.has(target) && lacks.length > 0 ? [`${target} is not ${lacks.join(', ')}`] : []
  })
  return when(missing.length > 0, 'weak', missing.join('; '), REMOVE_CHANGE)
}

function sizeProblems({ path, bytes, size, fill }: Folder): readonly Problem[] {
  if (fill?.how === 'failed' || fill?.how === 'killed') {
    const advice = 'Run the doctor again, and raise memory if it happens again'
    return when(true, 'weak', `${path} could not be filled`, advice)
  }
  const written = fill?.how === 'untried' ? 0 : (fill?.count ?? 0)
  const held = size === 0 ? 'files without a limit' : sizeText(Math.max(size, written))
  return when(
    size === 0 || Math.max(size, written) > bytes,
    'broken',
    `${path} holds ${held}, not ${sizeText(bytes)}`,
    REMOVE_CHANGE,
  )
}

const hostFiles: Probe = {
  name: 'host-files',
  found: () => 'nothing of the host is mounted',
  problems: ({ asked, inside: { look }, outside }) => {
    const mounted = new Map<string, boolean>()
    // A kernel of its own can show another type for a folder in memory. There, the engine tells.
    const told = asked.hasOwnKernel && outside ? writableFolders(asked) : new Map()
    for (const { target, isReadOnly } of hostMountsOf(look)) {
      if (!told.has(target)) mounted.set(target, !isReadOnly)
    }
    for (const { target, isWritable } of outside?.mounts ?? []) {
      mounted.set(target, isWritable || mounted.get(target) === true)
    }
    const targets = [...mounted.keys()]
    const isWritable = [...mounted.values()].includes(true)
    return when(
      targets.length > 0,
      isWritable ? 'broken' : 'weak',
      `mounted from the host: ${targets.join(', ')}`,
      'Remove the mounts, or use an image without volumes',
    )
  },
}

/**
 * Returns the mounts of a part of a file system, or of a file system that the runtime does not
 * make.
 */
function hostMountsOf(look: Evidence['inside']['look']) {
  return mountsOf(look).filter(({ root: part, target, type }) => {
    if (target === '/' || OF_ENGINE.test(target)) return false
    if (MADE.has(type) && MADE_AT.test(target)) return false
    if (type === 'tmpfs') return part !== '/' && part !== '/null'
    return true
  })
}

/** The socket on which the agent tells programs the name of a user of `userIds`. */
const AGENT_SOCKET = '/run/nscd/socket'

const engineSocket: Probe = {
  name: 'engine-socket',
  found: () => 'no socket of the host',
  problems: ({ asked, inside: { look }, outside }) => {
    const isSocket = ({ source, target }: HostMount) => /\.sock(?:et)?$/.test(source + target)
    const sockets = new Set([
      ...look.sockets.filter((path) => !asked.userIds || path !== AGENT_SOCKET),
      ...(outside?.mounts ?? []).filter(isSocket).map(({ target }) => target),
    ])
    return when(
      sockets.size > 0,
      'broken',
      `sockets: ${[...sockets].join(', ')}`,
      'Remove the mount: programs that reach the socket of an engine are root on its host',
    )
  },
}

const setuid: Probe = {
  name: 'setuid-files',
  found: () => 'none',
  problems: (evidence) => {
    const { look } = evidence.inside
    const files = [...look.setuid, ...look.capable]
    const isHarmless = hasNoNewPrivileges(evidence) === true
    const names = unusualFirst(files).slice(0, MOST_NAMES).join(', ')
    const others = files.length > MOST_NAMES ? ', ...' : ''
    return [
      ...when(
        files.length > 0,
        isHarmless ? 'note' : 'broken',
        `${files.length} files (${names}${others})${isHarmless ? ', without effect: no-new-privileges is set' : ''}`,
        'Remove the bits in the image: chmod ug-s',
      ),
      ...when(!look.walked, 'note', 'the search was not complete in time', 'Use a smaller image'),
    ]
  },
}

/** Returns the files with those first that a distribution does not have. */
function unusualFirst(files: readonly string[]): string[] {
  const usual = files.filter((file) => /^\/(?:usr\/)?s?bin\//.test(file))
  return [...files.filter((file) => !usual.includes(file)), ...usual]
}

/** The names that most processes have, so that an equal value tells nothing. */
const COMMON = /^(?:PATH|HOME|PWD|OLDPWD|SHELL|SHLVL|TERM|TZ|USER|LOGNAME|HOSTNAME|LANG|LC_\w+|_)$/

const variables: Probe = {
  name: 'variables',
  found: () => 'only those of the image and of the pool',
  problems: (evidence) => {
    const { asked, inside, outside, server } = evidence
    const ofServer = Object.entries(inside.look.variables).flatMap(([name, value]) =>
      server.variables[name] === value && !COMMON.test(name) && !asked.variables.includes(name)
        ? [name]
        : [],
    )
    // If the engine tells the variables of the container, they decide: a variable that the server
    // and the image have in common is not a leak then.
    const foreign = outside ? outside.variables : ofServer
    return [
      ...untold(evidence.outside),
      ...when(
        foreign.length > 0,
        'broken',
        `the container has ${foreign.join(', ')}`,
        'Remove them from the container, and pass settings of programs in env',
      ),
    ]
  },
}

const logs: Probe = {
  name: 'logs',
  found: () => 'the engine does not store output',
  problems: (evidence) => [
    ...untold(evidence.outside),
    ...when(
      evidence.outside?.keepsLogs === true,
      'weak',
      'the engine stores the output of programs on its disk',
      'Set the log driver of the containers to none. A kubelet has only containerLogMaxSize',
    ),
  ],
}

function sizeText(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`
}

/** The files that programs reach. */
export const FILES: readonly Probe[] = [
  root,
  writable,
  hostFiles,
  engineSocket,
  setuid,
  variables,
  logs,
]
