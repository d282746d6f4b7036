import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { SandboxError } from '../errors.js'

/** The options of a child process. */
export interface CommandOptions {
  /** Ends the process and all its child processes. */
  signal: AbortSignal
  cwd?: string
  /** Variables that are added to the environment of this process. */
  env?: Readonly<Record<string, string>>
}

const KILL_AFTER_MS = 10_000

/**
 * Runs a program to its end, without printing its output.
 *
 * @throws SandboxError `SANDBOX_SETUP_FAILED` with the last 20 lines of the output if the program fails;
 * the reason of the signal if it aborts.
 */
export async function run(
  program: string,
  args: readonly string[],
  { signal, cwd, env }: CommandOptions,
): Promise<void> {
  signal.throwIfAborted()
  // A process group of its own, because the child processes of apt and mmdebstrap must end with them.
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-16_384)
    })
  }
  let killTimer: NodeJS.Timeout | undefined
  const end = () => {
    killGroup(child.pid, 'SIGTERM')
    killTimer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), KILL_AFTER_MS)
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    const failure = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code, killedBy) =>
        resolve(code === 0 ? undefined : `ended with ${killedBy ?? `exit code ${code}`}`),
      )
    })
    signal.throwIfAborted()
    if (failure !== undefined) {
      const command = `${program} ${args[0] ?? ''}`.trimEnd()
      throw new SandboxError(
        'SANDBOX_SETUP_FAILED',
        `${command} failed: ${failure}\n${lastLines(output)}`.trimEnd(),
      )
    }
  } finally {
    signal.removeEventListener('abort', end)
    clearTimeout(killTimer)
  }
}

/** Returns the last 20 lines of a text. */
export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-20).join('\n')
}

/** Returns the path of a program. It also searches the sbin folders, which the PATH of root may lack. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  for (const folder of [...folders, '/usr/sbin', '/sbin']) {
    const path = join(folder, name)
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return undefined
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The process has already ended.
  }
}
