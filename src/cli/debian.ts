import { createReadStream } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addAbortSignal, Readable } from 'node:stream'
import { isLate } from '../util/deadline.js'
import { SandboxError } from '../errors.js'
import { findProgram, run } from './command.js'
import type { EngineWanted, Machine, SetupContext, Step } from './context.js'
import { DAEMON_CONFIG, hasRunsc, registerRunsc } from './daemon-config.js'
import { downloadGvisor, installGvisor, isOldRunsc, runtimeArgsOf } from './gvisor.js'
import { howDockerdStarts, isDockerdAlive, startDockerd } from './dockerd.js'
import type { SetupImage } from '../languages/setup-images.js'
import { whileProgressing } from './progress.js'
import { buildRootfs } from './rootfs.js'

// The programs that set-up looks for. A `docker` client on the PATH does not prove that an engine exists.
const PACKAGES = {
  dockerd: ['docker.io'],
  iptables: ['iptables'],
  runsc: ['runsc'],
  // On Ubuntu the keys of the Debian archive are a separate package.
  mmdebstrap: ['mmdebstrap', 'debian-archive-keyring'],
}
type Program = keyof typeof PACKAGES

/**
 * The longest time without progress of an import. The engine reads an archive as fast as its disk
 * writes, and unpacks it after the last byte.
 */
const IMPORT_STALL_MS = 120_000

/** Returns whether an os-release file belongs to Debian, Ubuntu or a derivative. */
export function isDebianLike(osRelease: string): boolean {
  const lines = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)]
  const ids = new Set(lines.flatMap(([, value = '']) => value.replaceAll(/["']/g, '').split(' ')))
  return ids.has('debian') || ids.has('ubuntu')
}

/** Returns whether this process may install packages: it must be root on Debian or Ubuntu. */
export async function mayInstall(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false
  return isDebianLike(await readFile('/etc/os-release', 'utf8').catch(() => ''))
}

/** Returns the changes that set-up can make as root on Debian or Ubuntu. */
export function debianMachine({
  engine,
  say,
  signal,
  source,
}: Pick<SetupContext, 'engine' | 'say' | 'signal' | 'source'>): Machine {
  let updated: Promise<void> | undefined
  const apt = (...args: string[]) => {
    const options = { signal, env: { DEBIAN_FRONTEND: 'noninteractive' } }
    return run('apt-get', [...args, '-o', 'DPkg::Lock::Timeout=60'], options)
  }
  const install = async (...programs: Program[]) => {
    const packages = await packagesFor(...programs)
    if (packages.length === 0) return
    say(`packages installing ${packages.join(', ')}...`)
    await (updated ??= apt('update'))
    await apt('install', '-y', '--no-install-recommends', ...packages)
  }
  const getGvisor = () => {
    const download = source === 'packages' ? undefined : () => downloadGvisor({ signal })
    return installGvisor({ download, installPackage: () => install('runsc') }, say, signal)
  }
  const register = async () => {
    const runsc = await findProgram('runsc')
    if (!runsc) return
    await registerRunsc({ path: runsc, runtimeArgs: runtimeArgsOf(await isOldRunsc(runsc)) })
    say(`engine   registered gVisor in ${DAEMON_CONFIG}`)
  }

  return {
    async engineSteps({ answers, reason }) {
      const start = {
        what: await howDockerdStarts(),
        run: () => startDockerd({ answers, say, signal }),
      }
      if (await isDockerdAlive()) return [start]
      refuseBesideAnother(reason)
      const steps: Step[] = []
      // gVisor first: if the package of the engine starts its service, the engine has gVisor at once.
      const gvisor = await packagesFor('runsc')
      if (gvisor.length > 0) {
        const release = source === 'packages' ? '' : 'download the current release of gVisor, or '
        const what = `${release}install ${gvisor.join(', ')} (gVisor) with apt-get, or continue without it`
        steps.push({ what, run: getGvisor })
      }
      if (!(await hasRunsc())) {
        const what = `register gVisor in ${DAEMON_CONFIG}, if it is installed`
        steps.push({ what, run: register })
      }
      const docker = await packagesFor('dockerd', 'iptables')
      if (docker.length > 0) {
        const what = `install ${docker.join(', ')} with apt-get`
        steps.push({ what, run: () => install('dockerd', 'iptables') })
      }
      return [...steps, start]
    },

    async hasOldGvisor() {
      const runsc = await findProgram('runsc')
      return runsc !== undefined && isOldRunsc(runsc)
    },

    missingForBuild: () => packagesFor('mmdebstrap'),

    async buildImage(image) {
      await install('mmdebstrap')
      const folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-'))
      try {
        // apt reads the folder as a user of its own.
        await chmod(folder, 0o755)
        const tar = await buildRootfs(image, folder, signal)
        await importTar(tar, image)
      } catch (error) {
        signal.throwIfAborted()
        throw withAdvice(error)
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 3 })
      }
    },
  }

  /** Imports an archive. The engine makes the image after the last byte, so a failed import leaves none. */
  function importTar(tar: string, { local }: SetupImage): Promise<void> {
    return whileProgressing({ stallMs: IMPORT_STALL_MS, signal }, (signal, progress) => {
      async function* chunks() {
        for await (const chunk of createReadStream(tar)) {
          progress()
          yield chunk
        }
      }
      return engine.importImage(local, addAbortSignal(signal, Readable.from(chunks())))
    })
  }
}

async function packagesFor(...programs: Program[]): Promise<readonly string[]> {
  const places = await Promise.all(programs.map(findProgram))
  return programs.filter((_, at) => !places[at]).flatMap((name) => PACKAGES[name])
}

/**
 * Refuses to install an engine if another one accepts connections and does not answer, because both
 * would use the same address.
 */
export function refuseBesideAnother({ cause, message }: EngineWanted['reason']): void {
  if (!isLate(cause)) return
  throw new SandboxError(
    'SANDBOX_SETUP_FAILED',
    `an engine accepts connections and does not answer: ${message}`,
    {
      suggestion: 'Restart the engine, or name another one in DOCKER_HOST',
    },
  )
}

/** Returns the error of a build, with a suggestion if the disk is full. */
export function withAdvice(error: unknown): unknown {
  if (!(error instanceof Error) || !/ENOSPC|No space left/.test(error.message)) return error
  return new SandboxError('SANDBOX_SETUP_FAILED', error.message, {
    cause: error,
    suggestion: `Free some space: images are built in ${tmpdir()}, or in the folder that TMPDIR names`,
  })
}
