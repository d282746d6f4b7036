import { SandboxError } from '../../errors.js'
import type { ExecEvent, ExecResult } from './result.js'
import type { Content } from '../streams/content.js'
import { cancelContent, writeContent } from '../streams/content.js'
import type { Format } from './format.js'
import { check } from '../../schemas/check.js'
import { SignalName } from '../../schemas/sandbox-calls.js'
import type { Program } from './program.js'
import { DEFAULT_MAX_OUTPUT_BYTES } from './program-output.js'
import { Stream } from '../../agent/protocol.js'
import type { RichResult } from '../streams/rich-result.js'
import { MAX_RESULT_BYTES } from '../streams/records.js'
import { turnTimer } from '../../util/deadline.js'
import { stdinOf } from './stdin.js'

/**
 * The maximum number of bytes that the result keeps of each stream, and of all `results`, if the
 * handle is iterated. The loop has received all of the output already.
 */
const KEPT_WHEN_ITERATED = [64 * 1024, 64 * 1024] as const
/** The same maximum if the output is passed to callbacks. */
const KEPT_WITH_CALLBACKS = [DEFAULT_MAX_OUTPUT_BYTES, MAX_RESULT_BYTES] as const

/** Makes the result that the caller gets from the result that every program has. */
export type Conclude<Data, Result> = (result: ExecResult<Data>, program: Program) => Result

/**
 * The options of a handle: the format of the output, the stdin, the callbacks, and the function
 * that makes the result.
 */
export interface HandleOptions<Data, Result> {
  format: Format<Data>
  stdin?: Content | undefined
  onStdout?: ((data: Data) => unknown) | undefined
  onStderr?: ((data: Data) => unknown) | undefined
  onResult?: ((result: RichResult) => unknown) | undefined
  conclude: Conclude<Data, Result>
}

/**
 * The handle of a program that runs, as `exec()` and `runCode()` return it. Await the handle for
 * the result, or iterate it for the events while the program runs, or do both.
 *
 * If the handle is iterated, the program waits while the loop does not read its output, and the
 * result keeps 64 KiB of each stream. If the loop ends early, the program goes on: call `kill()` to
 * end it.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const sandbox = await pool.acquire('python')
 * const handle = sandbox.runCode('print(input() * 2)')
 * const stdin = handle.stdin.getWriter()
 * await stdin.write('ho\n')
 * await stdin.close()
 * for await (const event of handle) {
 *   if (event.type === 'stdout') console.log(event.data)
 *   if (event.type === 'exit') console.log(event.exitCode)
 * }
 * sandbox.release()
 * await pool.close()
 * ```
 */
export class ExecHandle<Data = string, Result extends ExecResult<Data> = ExecResult<Data>>
  implements Promise<Result>, AsyncIterable<ExecEvent<Data>>
{
  readonly #program: Program | undefined
  readonly #result: Promise<Result>
  readonly #options: HandleOptions<Data, Result>
  readonly #stopWaiting: () => void
  #hasBegun = false
  #isTaken = false
  #stdin: WritableStream<string | Uint8Array> | undefined
  /** Settles when all output was passed to the callbacks. */
  #callbacks: Promise<void> | undefined
  #failure: { error: unknown } | undefined

  /** Used by the sandbox. An app gets a handle from `exec()` and `runCode()`. */
  constructor(start: () => Program, options: HandleOptions<Data, Result>) {
    this.#options = options
    try {
      this.#program = start()
      this.#result = this.#conclude(this.#program)
    } catch (error) {
      this.#result = Promise.reject(error)
    }
    // The caller may take stdin and iterate the handle until the end of this turn of the event
    // loop.
    this.#stopWaiting = turnTimer()(() => this.#begin())
  }

  /**
   * The stdin of the program, a stream of text or bytes. A write waits until at most 256 KiB of the
   * earlier writes are unread. Close the stream to end the input of the program.
   *
   * Take the stream right after the call, before the first `await`: otherwise the program gets an
   * empty stdin. A write rejects with `SANDBOX_STDIN_CLOSED` if the stream was taken too late, if
   * the option `stdin` was set, if the code runs in a context, and after the program has ended.
   */
  get stdin(): WritableStream<string | Uint8Array> {
    const isTaken = this.#hasBegun || this.#options.stdin !== undefined
    const isOpen = !isTaken && this.#program?.hasInput
    this.#stdin ??= stdinOf(isOpen ? this.#program : undefined)
    return this.#stdin
  }

  /**
   * Sends a signal to the program and all its descendants. `SIGKILL` always ends the program: if
   * the agent does not confirm its end within 30 seconds, the engine kills the container. If the
   * signal ends the program, the result has `killedBy: 'abort'`. Does nothing after the program has
   * ended.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if there is no signal of this name.
   */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#program?.signal(check(SignalName, signal, 'kill: signal'))
  }

  /**
   * Ends the program, as an abort of the option `signal` does. Kills the program, unless it runs in
   * a context: there it is first interrupted, so that the context keeps its variables, and killed
   * only if it does not stop. The result has `killedBy: 'abort'`. Does nothing after the program
   * has ended.
   */
  abort(): void {
    this.#program?.end('abort')
  }

  get [Symbol.toStringTag](): string {
    return 'ExecHandle'
  }

  /**
   * Makes the handle awaitable: `await` resolves to the result. Rejects if the call was refused,
   * for example because of an invalid option, and if a callback or the `stdin` stream of the caller
   * failed.
   */
  // oxlint-disable-next-line unicorn/no-thenable -- a handle is meant to be awaited
  get then(): Promise<Result>['then'] {
    return (onResult, onError) => {
      if (!this.#isTaken && !this.#hasCallbacks)
        this.#program?.output.drop(DEFAULT_MAX_OUTPUT_BYTES)
      queueMicrotask(() => this.#begin())
      return this.#result.then(onResult, onError)
    }
  }

  /** Works as `Promise.prototype.catch()`. Counts as awaiting the handle. */
  get catch(): Promise<Result>['catch'] {
    return (onError) => this.then(null, onError)
  }

  /** Works as `Promise.prototype.finally()`. Counts as awaiting the handle. */
  get finally(): Promise<Result>['finally'] {
    return (onEnd) => this.then(null).finally(onEnd)
  }

  /**
   * Yields the events of the program while it runs: `stdout` and `stderr` with `data`, a `result`
   * for each result that code shows, and one `exit` at the end. A handle can be iterated only once.
   *
   * @throws SandboxError the error of the call if it was refused, for example because of an invalid
   * option; `SANDBOX_INVALID_OPTION` if the output is already read by a loop or by callbacks.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ExecEvent<Data>, void, undefined> {
    this.#result.catch(() => {}) // the loop throws the same error
    yield* this.#events(KEPT_WHEN_ITERATED)
  }

  async *#events(
    keep: readonly [number, number],
  ): AsyncGenerator<ExecEvent<Data>, void, undefined> {
    const program = this.#program
    if (!program) return void (await this.#result)
    if (this.#isTaken) {
      const message = 'the output of this handle is already read by a loop or by callbacks'
      throw new SandboxError('SANDBOX_INVALID_OPTION', message)
    }
    this.#isTaken = true
    const { decoder, isEmpty } = this.#options.format
    const decoders = { stdout: decoder(), stderr: decoder() }
    try {
      const missed = program.output.take(...keep)
      const next = () => missed.shift() ?? program.output.next()
      for (let chunk = await next(); chunk; chunk = await next()) {
        for (const result of chunk.results) yield await this.#notify({ type: 'result', result })
        if (chunk.stream === Stream.records) continue
        const type = chunk.stream === Stream.stdout ? 'stdout' : 'stderr'
        const data = decoders[type].decode(chunk.bytes)
        if (!isEmpty(data)) yield await this.#notify({ type, data })
      }
      for (const type of STREAMS) {
        const data = decoders[type].flush()
        if (!isEmpty(data)) yield await this.#notify({ type, data })
      }
      const end = await program.ended
      this.#throwFailure()
      program.throwRefusal()
      yield { type: 'exit', ...end, truncated: program.output.isCut, ...program.codeEnd(0) }
    } finally {
      program.output.drop(Number.POSITIVE_INFINITY)
    }
  }

  /** Calls the callback for an event, waits for it, and returns the event. */
  async #notify(event: Exclude<ExecEvent<Data>, { type: 'exit' }>): Promise<ExecEvent<Data>> {
    const { onStdout, onStderr, onResult } = this.#options
    try {
      if (event.type === 'result') await onResult?.(event.result)
      else await (event.type === 'stdout' ? onStdout : onStderr)?.(event.data)
    } catch (error) {
      this.#fail(error)
      throw error
    }
    return event
  }

  get #hasCallbacks(): boolean {
    const { onStdout, onStderr, onResult } = this.#options
    return (onStdout ?? onStderr ?? onResult) !== undefined
  }

  /**
   * Starts the input and the callbacks. Called when the caller has had the time to take stdin and
   * to iterate the handle. If stdin was not taken, it ends.
   */
  #begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#stopWaiting()
    this.#beginStdin()
    if (this.#hasCallbacks && !this.#isTaken && this.#program) {
      this.#callbacks = this.#runCallbacks().catch((error: unknown) => this.#fail(error))
    }
  }

  #beginStdin(): void {
    const program = this.#program
    const { stdin } = this.#options
    if (!program || program.isOver) return cancelContent(stdin)
    if (stdin === undefined) {
      if (!this.#stdin && program.hasInput) program.endInput()
      return
    }
    const target = { write: (bytes: Uint8Array) => program.write(bytes), outcome: program.ended }
    void writeContent(target, stdin).then(
      () => program.endInput(),
      (error: unknown) => this.#fail(error),
    )
  }

  async #runCallbacks(): Promise<void> {
    const events = this.#events(KEPT_WITH_CALLBACKS)
    for (let next = await events.next(); !next.done; next = await events.next());
  }

  /**
   * Ends the program because a callback or the stdin stream of the caller failed. Keeps the error.
   */
  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#program?.end('abort')
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  async #conclude(program: Program): Promise<Result> {
    const end = await program.ended
    // If the program ended in the turn of the call, the callbacks and stdin have not begun yet.
    this.#begin()
    if (this.#callbacks) await program.waitForCallbacks(this.#callbacks)
    this.#throwFailure()
    program.throwRefusal()
    const { decodeAll } = this.#options.format
    const { stdout, stderr } = program.output.kept
    const result = { ...end, stdout: decodeAll(stdout), stderr: decodeAll(stderr) }
    return this.#options.conclude(result, program)
  }
}

const STREAMS = ['stdout', 'stderr'] as const
