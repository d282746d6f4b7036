import { createReadStream } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { findProgram, run } from './command.js'
import type { Machine, SetupContext } from './context.js'
import { isDockerdAlive, registerRunsc, startDockerd } from './dockerd.js'
import { buildRootfs } from './rootfs.js'

// A `docker` client on PATH says nothing about an engine: these are what is looked for.
const PACKAGES = {
  dockerd: ['docker.io'],
  iptables: ['iptables'],
  runsc: ['runsc'],
  // On Ubuntu the keys of the Debian archive come separately.
  mmdebstrap: ['mmdebstrap', 'debian-archive-keyring'],
}
type Program = keyof typeof PACKAGES

/** Whether an os-release file is that of Debian, Ubuntu or a child of theirs. */
export function isDebianLike(osRelease: string): boolean {
  const lines = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)]
  const ids = new Set(lines.flatMap(([, value = '']) => value.replaceAll(/["']/g, '').split(' ')))
  return ids.has('debian') || ids.has('ubuntu')
}

/** Whether this process may install things here: root, on Debian or Ubuntu. */
export async function mayInstall(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false
  return isDebianLike(await readFile('/etc/os-release', 'utf8').catch(() => ''))
}

/** A Debian or Ubuntu machine that we are root on. */
export function debianMachine({
  engine,
  say,
  signal,
}: Pick<SetupContext, 'engine' | 'say' | 'signal'>): Machine {
  let updated: Promise<void> | undefined
  const apt = (...args: string[]) => {
    const options = { signal, env: { DEBIAN_FRONTEND: 'noninteractive' } }
    return run('apt-get', [...args, '-o', 'DPkg::Lock::Timeout=60'], options)
  }
  const install = async (...programs: Program[]) => {
    const places = await Promise.all(programs.map(findProgram))
    const packages = programs.filter((_, at) => !places[at]).flatMap((name) => PACKAGES[name])
    if (packages.length === 0) return
    say(`packages installing ${packages.join(', ')}...`)
    await (updated ??= apt('update'))
    await apt('install', '-y', '--no-install-recommends', ...packages)
  }
  const installGvisor = async () => {
    try {
      await install('runsc')
    } catch {
      signal.throwIfAborted()
      say('packages warning: runsc (gVisor) could not be installed, going on without it')
    }
    const runsc = await findProgram('runsc')
    if (runsc) await registerRunsc(runsc, say)
  }

  return {
    async startEngine(answers) {
      if (!(await isDockerdAlive())) {
        // gVisor first: where a package starts its own service, the engine knows it at once.
        await installGvisor()
        await install('dockerd', 'iptables')
      }
      await startDockerd({ answers, say, signal })
    },

    async buildImage(image) {
      await install('mmdebstrap')
      const folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-'))
      try {
        // apt reads in it as a user of its own.
        await chmod(folder, 0o755)
        const tar = await buildRootfs(image, folder, signal)
        await engine.importImage(image.local, addAbortSignal(signal, createReadStream(tar)))
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 3 })
      }
    },
  }
}
