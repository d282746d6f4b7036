import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxError } from '../errors.js'
import { findProgram, lastLines, run } from './command.js'

const CONFIG = '/etc/docker/daemon.json'
const LOG = '/var/log/hono-sandbox-dockerd.log'
const DOCKERD_PID = '/var/run/docker.pid'
const CONTAINERD_PID = '/var/run/docker/containerd/containerd.pid'
const START_MS = 60_000
const POLL_MS = 250

/** What starting an engine needs. */
export interface StartOptions {
  /** Whether the engine's API answers by now. */
  answers: () => Promise<boolean>
  say: (line: string) => void
  signal: AbortSignal
}

/**
 * The text of a daemon.json with gVisor in it and all else kept; `undefined` where it is in it
 * already. Throws where the text is not a JSON object.
 */
export function withRunsc(text: string, runsc: string): string | undefined {
  const config: unknown = text.trim() === '' ? {} : JSON.parse(text)
  if (!isRecord(config)) throw new TypeError('it is not a JSON object')
  const runtimes = config.runtimes ?? {}
  if (!isRecord(runtimes)) throw new TypeError('its "runtimes" is not an object')
  if ('runsc' in runtimes) return undefined
  // Debian's runsc of 2022: its kvm platform hangs, and it refuses to run with a network here.
  const runtimeArgs = ['--platform=ptrace', '--network=none']
  const merged = { ...config, runtimes: { ...runtimes, runsc: { path: runsc, runtimeArgs } } }
  return `${JSON.stringify(merged, undefined, 2)}\n`
}

/** Registers gVisor in the engine's configuration file; an engine that runs does not notice. */
export async function registerRunsc(runsc: string, say: StartOptions['say']): Promise<void> {
  const text = existsSync(CONFIG) ? await readFile(CONFIG, 'utf8') : ''
  let merged: string | undefined
  try {
    merged = withRunsc(text, runsc)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SandboxError('SANDBOX_SETUP_FAILED', `${CONFIG} cannot be read: ${reason}`, {
      cause,
      suggestion: 'Repair it by hand; it was left as it is.',
    })
  }
  if (merged === undefined) return
  // Written aside and renamed: whatever happens meanwhile, the file is the old one or the new.
  await mkdir(dirname(CONFIG), { recursive: true })
  await writeFile(`${CONFIG}.${process.pid}`, merged)
  await rename(`${CONFIG}.${process.pid}`, CONFIG)
  say(`engine   registered gVisor in ${CONFIG}`)
}

/** Whether a dockerd is running, answering or not. */
export function isDockerdAlive(): Promise<boolean> {
  return isAlive(DOCKERD_PID, 'dockerd')
}

/** Starts the installed engine, and waits until it answers. */
export async function startDockerd({ answers, say, signal }: StartOptions): Promise<void> {
  signal.throwIfAborted()
  if (await isDockerdAlive()) {
    say('engine   waiting for the dockerd that is running...')
    const settled = async () => (await answers()) || !(await isDockerdAlive())
    await waitFor(settled, signal, () => undefined, 'See its log.')
    if (await answers()) return
  }
  if (existsSync('/run/systemd/system')) {
    say('engine   starting docker.service...')
    await run('systemctl', ['enable', '--now', 'docker'], { signal })
    return waitFor(answers, signal, () => undefined, 'See `journalctl -u docker`.')
  }
  await clearStalePids()
  say(`engine   starting dockerd, its log is ${LOG}`)
  const child = await spawnDockerd()
  let failure: string | undefined
  child.once('error', (error) => (failure = error.message))
  child.once('exit', (code, killedBy) => (failure = `it ended with ${killedBy ?? code}`))
  try {
    await waitFor(answers, signal, () => failure)
  } catch (error) {
    // One that never answered would hold the pid file against the next try.
    child.kill()
    throw error
  }
}

/** A session of its own: neither a closed terminal nor the end of set-up reaches it. */
async function spawnDockerd(): Promise<ChildProcess> {
  const program = (await findProgram('dockerd')) ?? 'dockerd'
  const log = await open(LOG, 'w', 0o640)
  try {
    const child = spawn(program, [], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

async function waitFor(
  answers: StartOptions['answers'],
  signal: AbortSignal,
  failed: () => string | undefined,
  suggestion?: string,
): Promise<void> {
  const deadline = Date.now() + START_MS
  while (!(await answers())) {
    signal.throwIfAborted()
    const late = Date.now() > deadline ? `no answer within ${START_MS / 1000} seconds` : undefined
    const reason = failed() ?? late
    if (reason !== undefined) {
      const tail = suggestion ?? lastLines(await readFile(LOG, 'utf8').catch(() => ''))
      throw new SandboxError('SANDBOX_SETUP_FAILED', `dockerd did not start: ${reason}\n${tail}`)
    }
    await sleep(POLL_MS)
  }
}

/**
 * After a kill, and after a container's restart above all, a pid file may name another program:
 * dockerd would refuse to start because of the first, and take the second for its containerd.
 */
async function clearStalePids(): Promise<void> {
  if (!(await isAlive(DOCKERD_PID, 'dockerd'))) await rm(DOCKERD_PID, { force: true })
  if (!(await isAlive(CONTAINERD_PID, 'containerd'))) await rm(CONTAINERD_PID, { force: true })
}

async function isAlive(pidFile: string, program: string): Promise<boolean> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''))
  if (!Number.isInteger(pid) || pid <= 0) return false
  // `pid (name) state ...`: one that was killed and that nobody has waited for is Z, and dead.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(stat) ?? []
  return name === program && state !== 'Z'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
