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

/** How long to wait for something, and until when. */
export interface WaitForOptions {
  /**
   * How long to wait, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Ends the wait when it aborts. The process goes on. */
  signal?: AbortSignal | undefined
}

/** What a process has written, beginning and end where it was much. */
export interface ProcessLogs {
  stdout: string
  stderr: string
}

const DEFAULT_WAIT_MS = 30_000
/** Of each stream, in the message of an error. */
const LAST_OUTPUT_CHARACTERS = 1000
const PORT_INTERVAL_MS = 25

/**
 * A process in the background of a lease, as `startProcess()` gives it. It runs until it ends, is
 * killed, or the lease is over.
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
  /** The name that was given, or one of its own. */
  readonly id: string
  /** Its number inside the sandbox. */
  readonly pid: number
  readonly command: string | readonly string[]
  /** How it ended; never rejects. */
  readonly exited: Promise<ExecResult>
  readonly #program: Program
  readonly #readFile: (path: string) => Promise<Buffer>
  readonly #watches = new Set<LogWatch>()
  #end: ExecEnd | undefined
  #stdin: WritableStream<string | Uint8Array> | undefined

  /** For the sandbox; people get one from `startProcess()`. */
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

  /** What it reads, open until it is closed. A write waits for the process to read. */
  get stdin(): WritableStream<string | Uint8Array> {
    this.#stdin ??= stdinOf(this.#program)
    return this.#stdin
  }

  /** What it has written so far. */
  logs(): ProcessLogs {
    const { stdout, stderr } = this.#program.output.kept
    return { stdout: stdout.toString(), stderr: stderr.toString() }
  }

  /**
   * Waits for a line of its output, stdout or stderr, that has the text or matches the pattern; one
   * that it has written already counts, and one that is not finished. Of a line the first 4096
   * characters count.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` for a pattern that takes more than 50 ms on the
   * output: each `.*` multiplies the time by the length of a line. `SANDBOX_PROCESS_EXITED` or `SANDBOX_WAIT_TIMEOUT`, both with the last of its
   * output; on abort the signal's reason.
   */
  async waitForLog(pattern: string | RegExp, options: WaitForOptions = {}): Promise<LogMatch> {
    const watch = new LogWatch(check(LogPattern, pattern, 'waitForLog: pattern'))
    const { stdout, stderr } = this.#program.output.kept
    watch.replay(Stream.stdout, stdout.toBuffer())
    watch.replay(Stream.stderr, stderr.toBuffer())
    this.#watches.add(watch)
    try {
      const call = check(WaitOptions, options, 'waitForLog')
      return await this.#wait('a line of its output', watch.found, call, () => watch.looked)
    } finally {
      this.#watches.delete(watch)
      watch.stop()
    }
  }

  /**
   * Waits until something in the sandbox listens on a TCP port.
   *
   * @throws SandboxError as `waitForLog()`.
   */
  async waitForPort(port: number, options: WaitForOptions = {}): Promise<void> {
    check(Port, port, 'waitForPort: port')
    const waiting = new AbortController()
    try {
      const call = check(WaitOptions, options, 'waitForPort')
      await this.#wait(`port ${port}`, this.#listens(port, waiting.signal), call)
    } finally {
      waiting.abort()
    }
  }

  /**
   * Signals the process and everything that descends from it.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` where there is no such signal.
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

  async #wait<T>(
    what: string,
    happens: Promise<T>,
    options: WaitForOptions,
    looked = async () => {},
  ): Promise<T> {
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = options
    const stop = deferred<never>()
    const late = () => {
      const message = `${what}, which was waited for, has not come in ${timeoutMs} ms`
      stop.reject(this.#error('SANDBOX_WAIT_TIMEOUT', message))
    }
    const timer = setDeadline(timeoutMs, late)
    const abort = () => stop.reject(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    const died = this.exited.then(async (end) => {
      await looked() // what has happened before its end counts
      throw this.#error('SANDBOX_PROCESS_EXITED', `it ${describe(end)} before ${what} came`)
    })
    try {
      return await Promise.race([happens, stop.promise, died])
    } finally {
      timer.clear()
      signal?.removeEventListener('abort', abort)
    }
  }

  #error(code: 'SANDBOX_WAIT_TIMEOUT' | 'SANDBOX_PROCESS_EXITED', why: string): SandboxError {
    const { stdout, stderr } = this.logs()
    const last = [stdout, stderr]
      .map((text) => text.slice(-LAST_OUTPUT_CHARACTERS).trim())
      .filter((text) => text !== '')
    const output = last.length > 0 ? `; its last output:\n${last.join('\n')}` : '; it wrote nothing'
    return new SandboxError(code, `the process ${this.id}: ${why}${output}`)
  }
}

function describe({ exitCode, signal, killedBy }: ExecEnd): string {
  const how =
    exitCode === null ? `was ended by ${signal ?? 'its start'}` : `exited with ${exitCode}`
  return killedBy ? `${how} (${killedBy})` : how
}

/** The kernel's own tables: to look at them disturbs nobody, as a connection would. */
const TCP_TABLES = ['/proc/net/tcp', '/proc/net/tcp6']
const LISTENING = '0A'

function hasListener(table: string, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  // A line is `  0: 0100007F:1F90 00000000:0000 0A ...`: local address, remote address, state.
  return new RegExp(`${suffix} [\\dA-F]+:[\\dA-F]+ ${LISTENING} `).test(table)
}
