import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxError } from '../errors.js'
import { findProgram, lastLines, run } from './command.js'

const LOG = '/var/log/hono-sandbox-dockerd.log'
const DOCKERD_PID = '/var/run/docker.pid'
const CONTAINERD_PID = '/var/run/docker/containerd/containerd.pid'
const START_MS = 60_000
const LATE = `no answer within ${START_MS / 1000} seconds`
const POLL_MS = 250

/** The options of {@link startDockerd}. */
export interface StartOptions {
  /** Checks whether the engine's API answers. */
  answers: () => Promise<boolean>
  say: (line: string) => void
  signal: AbortSignal
}

/** Returns whether a dockerd is running, even if it does not answer. */
export function isDockerdAlive(): Promise<boolean> {
  return isAlive(DOCKERD_PID, 'dockerd')
}

/** Returns the line of the plan for {@link startDockerd}. */
export async function howDockerdStarts(): Promise<string> {
  if (await isDockerdAlive())
    return 'wait for the dockerd that is running; if it ends, start it again'
  if (hasSystemd()) return 'start docker.service, now and at each start of the machine'
  return `start dockerd, which keeps running after set-up; its log is ${LOG}`
}

/** Starts the installed engine, and waits until it answers. */
export async function startDockerd({ answers, say, signal }: StartOptions): Promise<void> {
  signal.throwIfAborted()
  const failed = (reason: string) =>
    new SandboxError('SANDBOX_SETUP_FAILED', `dockerd did not start: ${reason}`)
  if (await isDockerdAlive()) {
    say('engine   waiting for the dockerd that is running...')
    const settled = async () => (await answers()) || !(await isDockerdAlive())
    const hangs = 'the dockerd that is running does not answer: restart it, or see its log'
    if (!(await within(START_MS, settled, signal))) {
      throw new SandboxError('SANDBOX_SETUP_FAILED', hangs)
    }
    if (await answers()) return
  }
  if (hasSystemd()) {
    say('engine   starting docker.service...')
    await run('systemctl', ['enable', '--now', 'docker'], { signal })
    if (await within(START_MS, answers, signal)) return
    throw failed(`${LATE}\nSee \`journalctl -u docker\`.`)
  }
  await clearStalePids()
  say(`engine   starting dockerd, its log is ${LOG}`)
  const child = await spawnDockerd()
  let failure: string | undefined
  child.once('error', (error) => (failure = error.message))
  child.once('exit', (code, killedBy) => (failure = `it exited with ${killedBy ?? code}`))
  try {
    const settled = async () => (await answers()) || failure !== undefined
    const isSettled = await within(START_MS, settled, signal)
    if (isSettled && failure === undefined) return
    throw failed(`${failure ?? LATE}\n${lastLines(await readFile(LOG, 'utf8').catch(() => ''))}`)
  } catch (error) {
    // A dockerd that never answered would block the next attempt with its pid file.
    child.kill()
    throw error
  }
}

function hasSystemd(): boolean {
  return existsSync('/run/systemd/system')
}

/** Spawns dockerd in a session of its own, so that it survives the terminal and the end of set-up. */
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

/** Polls a condition. Returns whether it became true in time. */
async function within(
  ms: number,
  condition: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    signal.throwIfAborted()
    if (Date.now() > deadline) return false
    await sleep(POLL_MS)
  }
  return true
}

/**
 * Removes stale pid files. After a kill, and above all after the restart of a container, a pid file may
 * name another program. dockerd would refuse to start because of its own file, and would take the
 * process in the other file for its containerd.
 */
async function clearStalePids(): Promise<void> {
  if (!(await isAlive(DOCKERD_PID, 'dockerd'))) await rm(DOCKERD_PID, { force: true })
  if (!(await isAlive(CONTAINERD_PID, 'containerd'))) await rm(CONTAINERD_PID, { force: true })
}

async function isAlive(pidFile: string, program: string): Promise<boolean> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''))
  if (!Number.isInteger(pid) || pid <= 0) return false
  // The form is `pid (name) state ...`. The state Z is a zombie: a dead process that was not reaped.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(stat) ?? []
  return name === program && state !== 'Z'
}
