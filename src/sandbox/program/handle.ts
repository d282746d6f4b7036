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
import type { RichResult } from '../streams/records.js'
import { MAX_RESULT_BYTES } from '../streams/records.js'
import { stdinOf } from './stdin.js'

/** Who iterates has had it all: the result keeps no more than this of each stream, and of results. */
const KEPT_BESIDE_EVENTS = [64 * 1024, 64 * 1024] as const
const KEPT_BESIDE_CALLBACKS = [DEFAULT_MAX_OUTPUT_BYTES, MAX_RESULT_BYTES] as const

/** What the caller is given of what every program gives. */
export type Conclude<Data, Result> = (result: ExecResult<Data>, program: Program) => Result

/** What a handle does beside running the program. */
export interface HandleOptions<Data, Result> {
  format: Format<Data>
  stdin?: Content | undefined
  onStdout?: ((data: Data) => unknown) | undefined
  onStderr?: ((data: Data) => unknown) | undefined
  onResult?: ((result: RichResult) => unknown) | undefined
  conclude: Conclude<Data, Result>
}

/**
 * A program that runs, as `exec()` and `runCode()` give it: await it for the result, or iterate it for
 * what happens, as it happens. Both may be done.
 *
 * Whoever iterates sets the pace: the program waits when nobody takes its output. A loop that is left
 * early leaves the program running; `kill()` ends it. The result keeps 64 KiB of each stream then.
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
  readonly #beginning: NodeJS.Immediate
  #hasBegun = false
  #isTaken = false
  #stdin: WritableStream<string | Uint8Array> | undefined
  #callbacks: Promise<void> | undefined
  #failure: { error: unknown } | undefined

  /** For the sandbox; people get one from `exec()` and `runCode()`. */
  constructor(start: () => Program, options: HandleOptions<Data, Result>) {
    this.#options = options
    try {
      this.#program = start()
      this.#result = this.#conclude(this.#program)
    } catch (error) {
      this.#result = Promise.reject(error)
    }
    // Whoever has the handle may take stdin and output until this turn of the loop is over.
    this.#beginning = setImmediate(() => this.#begin())
  }

  /**
   * What the program reads: text or bytes. A write waits until the program has read what was written
   * before, all but 256 KiB. To close it is the end of the program's input.
   *
   * Take it at once, before anything is awaited: a program whose stdin nobody took reads its end.
   * Writing rejects with `SANDBOX_STDIN_CLOSED` when the program is over, when the `stdin` option was
   * given, where it was taken too late, and in a context.
   */
  get stdin(): WritableStream<string | Uint8Array> {
    const isTaken = this.#hasBegun || this.#options.stdin !== undefined
    const isOpen = !isTaken && this.#program?.hasInput
    this.#stdin ??= stdinOf(isOpen ? this.#program : undefined)
    return this.#stdin
  }

  /**
   * Signals the program and everything that descends from it. `SIGKILL` is sure: if the agent does
   * not confirm it in time, the engine ends the container. The result says `killedBy: 'abort'`
   * where the signal ended it. After the end it does nothing.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` where there is no such signal.
   */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#program?.signal(check(SignalName, signal, 'kill: signal'))
  }

  /**
   * Ends the program as an abort of its `signal` does. In a context it is interrupted, so that the
   * context keeps its variables, and killed if it does not stop; anywhere else it is killed. The result
   * says `killedBy: 'abort'`. After the end it does nothing.
   */
  abort(): void {
    this.#program?.end('abort')
  }

  get [Symbol.toStringTag](): string {
    return 'ExecHandle'
  }

  /** Awaiting gives the result. It rejects with what the call was refused for. */
  // oxlint-disable-next-line unicorn/no-thenable -- that it can be awaited is the point
  get then(): Promise<Result>['then'] {
    return (onResult, onError) => {
      if (!this.#isTaken && !this.#hasCallbacks)
        this.#program?.output.drop(DEFAULT_MAX_OUTPUT_BYTES)
      queueMicrotask(() => this.#begin())
      return this.#result.then(onResult, onError)
    }
  }

  /** As a promise has it; it counts as awaiting. */
  get catch(): Promise<Result>['catch'] {
    return (onError) => this.then(null, onError)
  }

  /** As a promise has it; it counts as awaiting. */
  get finally(): Promise<Result>['finally'] {
    return (onEnd) => this.then(null).finally(onEnd)
  }

  /**
   * What happens, as it happens: `stdout` and `stderr` with `data`, of code a `result` for what it
   * shows, then one `exit`. Once only.
   *
   * @throws SandboxError what the call was refused for; `SANDBOX_INVALID_OPTION` for a second time.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ExecEvent<Data>, void, undefined> {
    this.#result.catch(() => {}) // the loop tells why it failed
    yield* this.#events(KEPT_BESIDE_EVENTS)
  }

  async *#events(
    keep: readonly [number, number],
  ): AsyncGenerator<ExecEvent<Data>, void, undefined> {
    const program = this.#program
    if (!program) return void (await this.#result)
    if (this.#isTaken) {
      throw new SandboxError('SANDBOX_INVALID_OPTION', 'the output of this handle is taken already')
    }
    this.#isTaken = true
    const { decoder, isEmpty } = this.#options.format
    const decoders = { stdout: decoder(), stderr: decoder() }
    try {
      const missed = program.output.take(...keep)
      const next = () => missed.shift() ?? program.output.next()
      for (let chunk = await next(); chunk; chunk = await next()) {
        for (const result of chunk.results) yield await this.#told({ type: 'result', result })
        if (chunk.stream === Stream.records) continue
        const type = chunk.stream === Stream.stdout ? 'stdout' : 'stderr'
        const data = decoders[type].piece(chunk.bytes)
        if (!isEmpty(data)) yield await this.#told({ type, data })
      }
      for (const type of STREAMS) {
        const data = decoders[type].rest()
        if (!isEmpty(data)) yield await this.#told({ type, data })
      }
      const end = await program.ended
      this.#throwFailure()
      program.throwRefusal()
      yield { type: 'exit', ...end, truncated: program.output.isCut, ...program.codeEnd(0) }
    } finally {
      program.output.drop(Number.POSITIVE_INFINITY)
    }
  }

  async #told(event: Exclude<ExecEvent<Data>, { type: 'exit' }>): Promise<ExecEvent<Data>> {
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

  /** Once it is known what the caller wants: stdin ends unless taken, callbacks are called. */
  #begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    clearImmediate(this.#beginning)
    this.#beginStdin()
    if (this.#hasCallbacks && !this.#isTaken && this.#program) {
      this.#callbacks = this.#callBack().catch((error: unknown) => this.#fail(error))
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

  async #callBack(): Promise<void> {
    const events = this.#events(KEPT_BESIDE_CALLBACKS)
    for (let next = await events.next(); !next.done; next = await events.next());
  }

  /** The caller's own code threw, or the stream that it gave: its program ends, and it is told. */
  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#program?.end('abort')
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  async #conclude(program: Program): Promise<Result> {
    const end = await program.ended
    this.#begin() // what was given is used, also where it ended at once
    if (this.#callbacks) await program.allow(this.#callbacks)
    this.#throwFailure()
    program.throwRefusal()
    const { whole } = this.#options.format
    const { stdout, stderr } = program.output.kept
    const result = { ...end, stdout: whole(stdout), stderr: whole(stderr) }
    return this.#options.conclude(result, program)
  }
}

const STREAMS = ['stdout', 'stderr'] as const
