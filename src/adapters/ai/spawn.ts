import type { Sandbox } from '../../sandbox/sandbox.js'
import { LONGEST_TIMER_MS } from '../../util/deadline.js'
import type { AiCommand, AiInputProcess, AiProcess, AiSpawn } from './types.js'
import { pipe } from '../shared/pipe.js'
import { shellCommand } from '../shared/shell-command.js'
import { exitCodeOf } from '../shared/shell-result.js'

/** Returns the function that starts processes in a sandbox. They end with the lease. */
export function spawnIn(sandbox: Sandbox): AiSpawn {
  function spawn(options: AiCommand & { stdin: true }): Promise<AiInputProcess>
  function spawn(options: AiCommand & { stdin?: false }): Promise<AiProcess>
  function spawn(options: AiCommand & { stdin?: boolean }): Promise<AiProcess | AiInputProcess>
  async function spawn(options: AiCommand & { stdin?: boolean }) {
    const { command, workingDirectory: cwd, env, abortSignal: signal } = options
    signal?.throwIfAborted()
    const [stdout, stderr] = [pipe(), pipe()]
    const handle = sandbox.exec(shellCommand(command), {
      cwd,
      env,
      signal,
      timeoutMs: LONGEST_TIMER_MS,
      format: 'bytes',
      onStdout: stdout.write,
      onStderr: stderr.write,
    })
    const input = options.stdin && { stdin: handle.stdin }
    const ended = handle.finally(() => [stdout, stderr].forEach(({ end }) => end()))
    ended.catch(() => {}) // wait() rejects with the same error
    return {
      ...input,
      stdout: stdout.readable,
      stderr: stderr.readable,
      wait: async () => {
        const result = await ended
        signal?.throwIfAborted()
        return { exitCode: exitCodeOf(result) }
      },
      kill: async () => handle.kill(),
    }
  }
  return spawn
}
