import type { Evidence, Probe, Problem } from './evidence.js'
import { REMOVE_CHANGE, when } from './evidence.js'
import { mountsOf } from './look.js'

const DAY_MS = 86_400_000
const OLD_DAYS = 365

/** Returns whether the programs of the container are known to run on a kernel of their own. */
export function runsOnOwnKernel({ asked, inside, outside, server }: Evidence): boolean {
  if (!asked.hasOwnKernel) return false
  const { version } = inside.look
  const known = outside?.runtime.kernel
  return known ? known.test(version) : version !== '' && !version.includes(server.kernel)
}

/** Returns the runtime, its version and its platform: `own, release-20240930.0, platform kvm`. */
function describeRuntime({ asked, outside }: Evidence): string {
  const { version = 'unknown version', platform = 'default' } = outside?.runtime ?? {}
  return `${asked.runtime}, ${version}, platform ${platform}`
}

const kernel: Probe = {
  name: 'kernel',
  found: describeRuntime,
  problems: (evidence) => {
    const { asked, outside } = evidence
    const used = outside?.runtime.name ?? asked.runtime
    return [
      ...when(
        used !== asked.runtime,
        'broken',
        `the engine used ${used}, not ${asked.runtime}`,
        REMOVE_CHANGE,
      ),
      ...when(
        asked.hasOwnKernel && !runsOnOwnKernel(evidence),
        'broken',
        `${asked.runtime} was asked for, but programs see the kernel of the host or an unknown one`,
        'Correct the program that is registered under this name with the engine',
      ),
      ...when(
        !asked.hasOwnKernel,
        'note',
        `${asked.runtime}: programs share the kernel of the host`,
        asked.howToGetKernel,
      ),
      ...(asked.hasOwnKernel ? ageProblems(evidence) : []),
    ]
  },
}

function ageProblems(evidence: Evidence): readonly Problem[] {
  const { outside, server } = evidence
  const [, year, month, day] = /(20\d\d)(\d\d)(\d\d)/.exec(outside?.runtime.version ?? '') ?? []
  const days = (server.now.getTime() - Date.parse(`${year}-${month}-${day}`)) / DAY_MS
  const runtime = describeRuntime(evidence)
  if (Number.isNaN(days)) {
    return when(true, 'note', `${runtime}, of unknown age`, 'Check its version on its host')
  }
  return when(
    days > OLD_DAYS,
    'note',
    `${runtime}, older than ${Math.floor(days / OLD_DAYS)} years`,
    'Install the current release of the runtime',
  )
}

/** The paths that reveal or change the kernel of the host. Every engine that follows the OCI hides them. */
const MASKED = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi', '/sys/firmware']
/** The paths that are tried from the inside. Some kernels have more of them than others. */
export const REVEALING = [
  ...MASKED,
  '/proc/acpi',
  '/proc/asound',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/timer_stats',
]
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const procAndSys: Probe = {
  name: 'proc-and-sys',
  found: ({ asked }) =>
    asked.hasOwnKernel ? 'those of the kernel of the runtime' : 'masked, and read-only',
  problems: ({ asked, inside: { look }, outside }) => {
    const grade = asked.hasOwnKernel ? 'note' : 'broken'
    const mounts = mountsOf(look)
    const isReadOnly = (target: string) =>
      mounts.some((mount) => mount.target === target && mount.isReadOnly)
    const masked = outside?.maskedPaths
    const readOnly = outside?.readOnlyPaths
    const visible = new Set([
      ...(asked.hasOwnKernel ? [] : look.unmasked),
      ...(masked ? MASKED.filter((path) => !masked.includes(path)) : []),
    ])
    const writable = new Set([
      ...(asked.hasOwnKernel ? [] : ['/proc/sys', '/sys'].filter((path) => !isReadOnly(path))),
      ...(readOnly ? READ_ONLY.filter((path) => !readOnly.includes(path)) : []),
    ])
    return [
      ...when(visible.size > 0, grade, `not masked: ${[...visible].join(', ')}`, REMOVE_CHANGE),
      ...when(
        writable.size > 0,
        grade,
        `not read-only: ${[...writable].join(', ')}`,
        REMOVE_CHANGE,
      ),
    ]
  },
}

/** The kernel under the programs. */
export const KERNEL: readonly Probe[] = [kernel, procAndSys]
