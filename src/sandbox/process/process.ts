import { Stream } from '../../agent/protocol.js'
import { setDeadline } from '../../util/deadline.js'
import { deferred } from '../../util/deferred.js'
import { SandboxError } from '../../errors.js'
import type { ExecEnd, ExecResult } from '../program/result.js'
import { LogWatch } from './log-watch.js'
import type { LogMatch } from './log-watch.js'
import { check } from '../../schemas/check.js'
import { LogPattern, Port, SignalName, WaitOptions } from '../../schemas/sandbox-calls.js'
import type { Program } from '../program/program.js'
import { stdinOf } from '../program/stdin.js'

/** The options of `waitForLog()` and `waitForPort()`. */
export interface WaitForOptions {
  /**
   * The time limit of the wait, in milliseconds. The process is not killed when it is reached.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Ends the wait when the signal aborts. The process is not killed. */
  signal?: AbortSignal | undefined
}

/**
 * The output of a process. If a stream exceeds `maxLogBytes`, its beginning and its end are kept,
 * with a mark between them.
 */
export interface ProcessLogs {
  stdout: string
  stderr: string
}

const DEFAULT_WAIT_MS = 30_000
/** The number of characters of each stream that the message of an error quotes. */
const LAST_OUTPUT_CHARACTERS = 1000
/** The time between two checks of the listening ports. */
const PORT_INTERVAL_MS = 25

/**
 * A background process, as {@link Sandbox.startProcess} returns it. It runs until it exits, is
 * killed, or the lease ends.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const sandbox = await pool.acquire('python')
 * const server = await sandbox.startProcess('python3 -m http.server 8000')
 * await server.waitForPort(8000)
 * console.log(server.id, server.pid, server.status)
 * server.kill()
 * const { signal } = await server.exited
 * console.log(signal, server.logs().stderr)
 * sandbox.release()
 * await pool.close()
 * ```
 */
export class SandboxProcess {
  /** The `id` of the options, or a generated one. */
  readonly id: string
  /** The process id inside the sandbox. */
  readonly pid: number
  readonly command: string | readonly string[]
  /** Resolves to the result of the process when it has ended. Never rejects. */
  readonly exited: Promise<ExecResult>
  readonly #program: Program
  readonly #readFile: (path: string) => Promise<Buffer>
  readonly #watches = new Set<LogWatch>()
  #end: ExecEnd | undefined
  #stdin: WritableStream<string | Uint8Array> | undefined

  /** Used by the sandbox. An app gets a process from `startProcess()`. */
  constructor(
    program: Program,
    about: { id: string; pid: number; command: string | readonly string[] },
    readFile: (path: string) => Promise<Buffer>,
  ) {
    this.id = about.id
    this.pid = about.pid
    this.command = about.command
    this.#program = program
    this.#readFile = readFile
    program.output.onData = (stream, bytes) => {
      for (const watch of this.#watches) watch.push(stream, bytes)
    }
    this.exited = program.ended.then((end) => {
      this.#end = end
      return { ...end, ...this.logs() }
    })
  }

  get status(): 'running' | 'exited' {
    return this.#end ? 'exited' : 'running'
  }

  /**
   * The stdin of the process. It stays open until it is closed. A write waits for the process to
   * read.
   */
  get stdin(): WritableStream<string | Uint8Array> {
    this.#stdin ??= stdinOf(this.#program)
    return this.#stdin
  }

  /** Returns the output of the process so far. */
  logs(): ProcessLogs {
    const { stdout, stderr } = this.#program.output.kept
    return { stdout: stdout.toString(), stderr: stderr.toString() }
  }

  /**
   * Waits for a line of stdout or stderr that contains the string or matches the regular
   * expression. The search includes lines that the process has already written, and an unfinished
   * line. Only the first 4096 characters of a line are searched.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if the pattern takes more than 50 ms on the
   * output: each `.*` multiplies the time by the length of a line. `SANDBOX_PROCESS_EXITED` if the
   * process ends first, and `SANDBOX_WAIT_TIMEOUT` after `timeoutMs`: both messages quote the end
   * of the output. If the signal aborts, throws its reason.
   */
  async waitForLog(pattern: string | RegExp, options: WaitForOptions = {}): Promise<LogMatch> {
    const watch = new LogWatch(check(LogPattern, pattern, 'waitForLog: pattern'))
    const { stdout, stderr } = this.#program.output.kept
    watch.replay(Stream.stdout, stdout.toBuffer())
    watch.replay(Stream.stderr, stderr.toBuffer())
    this.#watches.add(watch)
    try {
      const call = check(WaitOptions, options, 'waitForLog')
      return await this.#wait('a line of output matched', watch.found, call, () => watch.idle)
    } finally {
      this.#watches.delete(watch)
      watch.stop()
    }
  }

  /**
   * Waits until a process in the sandbox listens on a TCP port.
   *
   * @throws SandboxError `SANDBOX_PROCESS_EXITED` if this process ends first, and
   * `SANDBOX_WAIT_TIMEOUT` after `timeoutMs`: both messages quote the end of the output.
   * `SANDBOX_INVALID_OPTION` if the port is not valid. If the signal aborts, throws its reason.
   */
  async waitForPort(port: number, options: WaitForOptions = {}): Promise<void> {
    check(Port, port, 'waitForPort: port')
    const waiting = new AbortController()
    try {
      const call = check(WaitOptions, options, 'waitForPort')
      await this.#wait(`port ${port} was open`, this.#listens(port, waiting.signal), call)
    } finally {
      waiting.abort()
    }
  }

  /**
   * Sends a signal to the process and all its descendants.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if there is no signal of this name.
   */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#program.signal(check(SignalName, signal, 'kill: signal'))
  }

  async #listens(port: number, waiting: AbortSignal): Promise<void> {
    while (!waiting.aborted) {
      const tables = await Promise.all(
        TCP_TABLES.map((file) => this.#readFile(file).catch(() => '')),
      )
      if (tables.some((table) => hasListener(table.toString(), port))) return
      await new Promise((resolve) => {
        setTimeout(resolve, PORT_INTERVAL_MS)
      })
    }
  }

  /**
   * Waits for an event, within the limits of the options. `event` names it in the messages of
   * errors. `settled` resolves when the output from before the end of the process was searched.
   */
  async #wait<T>(
    event: string,
    occurred: Promise<T>,
    options: WaitForOptions,
    settled = async () => {},
  ): Promise<T> {
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = options
    const stop = deferred<never>()
    const onTimeout = () => {
      const wait = `the wait for the process ${this.id} timed out after ${timeoutMs} ms`
      stop.reject(this.#error('SANDBOX_WAIT_TIMEOUT', `${wait}, before ${event}`))
    }
    const timer = setDeadline(timeoutMs, onTimeout)
    const onAbort = () => stop.reject(signal?.reason)
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const exit = this.exited.then(async (end) => {
      await settled() // the output from before the end counts
      const message = `the process ${this.id} ${describe(end)} before ${event}`
      throw this.#error('SANDBOX_PROCESS_EXITED', message)
    })
    try {
      return await Promise.race([occurred, stop.promise, exit])
    } finally {
      timer.clear()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #error(code: 'SANDBOX_WAIT_TIMEOUT' | 'SANDBOX_PROCESS_EXITED', message: string): SandboxError {
    const { stdout, stderr } = this.logs()
    const last = [stdout, stderr]
      .map((text) => text.slice(-LAST_OUTPUT_CHARACTERS).trim())
      .filter((text) => text !== '')
    const output =
      last.length > 0 ? `; its last output:\n${last.join('\n')}` : '; it wrote no output'
    return new SandboxError(code, message + output)
  }
}

function describe({ exitCode, signal, killedBy }: ExecEnd): string {
  const bySignal = signal ? `was killed by ${signal}` : 'ended without an exit code'
  const end = exitCode === null ? bySignal : `exited with code ${exitCode}`
  return killedBy ? `${end} (${killedBy})` : end
}

/**
 * The socket tables of the kernel. Reading them does not disturb a server; a connection would.
 */
const TCP_TABLES = ['/proc/net/tcp', '/proc/net/tcp6']
const LISTENING = '0A'

function hasListener(table: string, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  // A line looks like `  0: 0100007F:1F90 00000000:0000 0A ...`: local address, remote address,
  // state.
  return new RegExp(`${suffix} [\\dA-F]+:[\\dA-F]+ ${LISTENING} `).test(table)
}
