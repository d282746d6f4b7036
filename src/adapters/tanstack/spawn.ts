import { constants } from 'node:os'
import { SandboxError } from '../../errors.js'
import type { Sandbox } from '../../sandbox/sandbox.js'
import { LONGEST_TIMER_MS } from '../../util/deadline.js'
import { deferred } from '../../util/deferred.js'
import { pipe } from '../shared/pipe.js'
import { shellCommand } from '../shared/shell-command.js'
import { exitCodeOf } from '../shared/shell-result.js'
import type { TanstackProcess, TanstackProcessOptions } from './types.js'

const NEWLINE = 0x0a

/** Starts a process, and releases the sandbox when it has ended. */
export async function spawn(
  sandbox: Sandbox,
  command: string,
  { cwd, env, signal }: TanstackProcessOptions,
): Promise<TanstackProcess> {
  const [stdout, stderr] = [pipe(), pipe()]
  const pid = deferred<number>()
  let line: Buffer | undefined = Buffer.alloc(0)
  const onStdout = async (bytes: Buffer): Promise<void> => {
    if (!line) return stdout.write(bytes)
    line = Buffer.concat([line, bytes])
    const end = line.indexOf(NEWLINE)
    if (end < 0) return
    pid.resolve(Number(line.subarray(0, end).toString()))
    const rest = line.subarray(end + 1)
    line = undefined
    if (rest.length > 0) await stdout.write(rest)
  }
  // The shell prints its process id as the first line, and then replaces itself by the command.
  const argv = ['/bin/sh', '-c', 'echo $$; exec "$@"', 'sh', ...shellCommand(command)]
  const handle = sandbox.exec(argv, {
    cwd,
    env,
    signal,
    timeoutMs: LONGEST_TIMER_MS,
    format: 'bytes',
    onStdout,
    onStderr: stderr.write,
  })
  const stdin = handle.stdin.getWriter()
  const ended = handle.finally(() => {
    for (const { end } of [stdout, stderr]) end()
    sandbox.release()
  })
  ended.then(() => pid.reject(notStarted()), pid.reject)
  const wait = async (): Promise<number> => {
    const result = await ended
    signal?.throwIfAborted()
    return exitCodeOf(result)
  }
  return {
    pid: await pid.promise,
    stdout: stdout.readable.pipeThrough(new TextDecoderStream()),
    stderr: stderr.readable.pipeThrough(new TextDecoderStream()),
    stdin: { write: (data) => stdin.write(data), end: () => stdin.close() },
    wait,
    kill: async (name) => handle.kill(nameOf(name)),
  }
}

function nameOf(signal: NodeJS.Signals | number | undefined): NodeJS.Signals | undefined {
  if (typeof signal !== 'number') return signal
  return Object.keys(constants.signals).find(isNameOf(signal))
}

function isNameOf(signal: number) {
  const numbers: Readonly<Record<string, number>> = constants.signals
  return (name: string): name is NodeJS.Signals => numbers[name] === signal
}

function notStarted(): SandboxError {
  return new SandboxError('SANDBOX_PROCESS_EXITED', 'the process could not be started')
}
