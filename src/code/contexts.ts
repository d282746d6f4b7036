import type { Channel } from '../agent/channel.js'
import type { Exchange, Outcome } from '../agent/exchange.js'
import type { OpenRequest } from '../agent/protocol.js'
import { deadlineIn } from '../deadline.js'
import { deferred } from '../deferred.js'
import { SandboxError } from '../errors.js'
import type { ProgramLimits } from '../exec/limits.js'
import type { Program } from '../exec/program.js'
import type { Lease } from '../lease.js'

/** Names and values that live from one run to the next: a notebook's memory. */
export interface CodeContext {
  /** Its name in the lease, `context-1`. */
  readonly id: string
  /** What `createCodeContext()` was told to call it. */
  readonly name: string | undefined
  readonly language: string
  /** The working directory it began in. */
  readonly cwd: string
}

/** What {@link Sandbox.createCodeContext} takes. */
export interface CodeContextOptions {
  /** A label, for people. */
  name?: string | undefined
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string | undefined
  /** Added to the container's own variables. */
  env?: Record<string, string | undefined> | undefined
  /**
   * How long it may take, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Gives it up when it aborts. */
  signal?: AbortSignal | undefined
}

/** A context as a caller names it. */
type ContextName = string | { id: string }

/** Each is a process, and the memory of the container is for all of them. */
const MAX_CONTEXTS = 8
const DEFAULT_TIMEOUT_MS = 30_000

/** The contexts of a lease. */
export class CodeContexts {
  readonly #byId = new Map<string, Context>()
  #created = 0

  async create(
    lease: Lease<Channel>,
    language: string,
    options: CodeContextOptions,
  ): Promise<CodeContext> {
    if (this.#byId.size >= MAX_CONTEXTS) {
      throw new SandboxError(
        'SANDBOX_TOO_MANY_CONTEXTS',
        `the sandbox has ${MAX_CONTEXTS} contexts, which is as many as it may have`,
        { suggestion: 'Delete one with deleteCodeContext()' },
      )
    }
    const { name, cwd, env, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options
    const id = `context-${++this.#created}`
    const about = { id, name, language, cwd: cwd ?? '/workspace' }
    const context = new Context(lease, about, { op: 'open', context: id, cwd, env })
    this.#byId.set(id, context)
    const deadline = deadlineIn(timeoutMs, signal)
    try {
      await context.open(deadline.signal)
    } catch (error) {
      this.#byId.delete(id)
      throw error
    } finally {
      deadline.clear()
    }
    return context.about
  }

  /** In the order of their creation. */
  list(): CodeContext[] {
    return [...this.#byId.values()].map(({ about }) => about)
  }

  /** @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT`. */
  get(context: ContextName): Context {
    const id = typeof context === 'string' ? context : context.id
    const found = this.#byId.get(id)
    // One of another lease may have the same id.
    if (found && (typeof context === 'string' || found.about === context)) return found
    throw unknown(this.list())
  }

  /** @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT`. */
  async delete(context: ContextName): Promise<void> {
    const found = this.get(context)
    this.#byId.delete(found.about.id)
    await found.close(() => unknown(this.list()))
  }
}

/**
 * One context. Its runs queue up. When its process dies all that it knew is gone: whoever had called
 * it by then is told, or the next who does, and after that it begins anew.
 */
class Context {
  readonly about: CodeContext
  readonly #lease: Lease<Channel>
  readonly #request: OpenRequest
  #process: Exchange | undefined
  #current: Program | undefined
  #lastTurn: Promise<unknown> = Promise.resolve()
  #deaths = 0
  #death: SandboxError | undefined
  /** The last death, until somebody has been told. */
  #untold: SandboxError | undefined
  #closed: (() => SandboxError) | undefined

  constructor(lease: Lease<Channel>, about: CodeContext, request: OpenRequest) {
    this.#lease = lease
    this.about = Object.freeze(about)
    this.#request = request
  }

  /** Starts its process. */
  async open(signal?: AbortSignal): Promise<void> {
    const { id } = this.about
    const process = this.#lease.container.open(this.#request, () => {})
    const stop = () => process.stop('SIGKILL')
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    const started = await process.started
    signal?.removeEventListener('abort', stop)
    if (!started || signal?.aborted) throw notOpened(id, await process.outcome, signal)
    this.#process = process
    void process.outcome.then((outcome) => this.#die(outcome))
  }

  #die(outcome: Outcome): void {
    this.#process = undefined
    this.#deaths++
    this.#death = lost(this.about.id, outcome)
    this.#untold = this.#death
  }

  /** Runs a program of it when those before it are over. */
  run(start: (limits: Pick<ProgramLimits, 'after' | 'context'>) => Program): Program {
    const deaths = this.#deaths
    const turn = this.#lastTurn
    const over = deferred<void>()
    this.#lastTurn = turn.then(() => over.promise)
    const after = turn.then(() => this.#begin(program, deaths))
    const state = () => (this.#process && deaths === this.#deaths ? 'kept' : 'lost')
    const program = start({ after, context: { state } })
    void program.ended.then(() => over.resolve())
    return program
  }

  /** Ends its process, and what runs in it; whoever waits for its turn gets the error. */
  async close(error: () => SandboxError): Promise<void> {
    this.#closed = error
    this.#current?.signal('SIGKILL')
    const process = this.#process
    process?.stop('SIGKILL')
    await process?.outcome
  }

  /** The turn of a program has come, which was called after so many deaths. */
  async #begin(program: Program, deaths: number): Promise<void> {
    if (program.isOver) return // it was ended while it waited
    if (this.#closed) throw this.#closed()
    const untold = this.#untold
    this.#untold = undefined
    if (untold ?? deaths !== this.#deaths) throw untold ?? this.#death
    if (!this.#process) await this.open()
    this.#current = program
  }
}

function unknown(known: readonly CodeContext[]): SandboxError {
  const ids = known.map(({ id }) => id)
  const which = ids.length > 0 ? `there are ${ids.join(', ')}` : 'none was created, or left'
  return new SandboxError('SANDBOX_UNKNOWN_CONTEXT', `no context has this id: ${which}`)
}

function lost(id: string, outcome: Outcome): SandboxError {
  return new SandboxError('SANDBOX_CONTEXT_LOST', `${id} is lost: its process ${fate(outcome)}`, {
    suggestion: 'All that it knew is gone; the next run begins anew',
  })
}

function fate(outcome: Outcome): string {
  if ('lost' in outcome) return 'went with its container'
  const { exitCode, signal, cause } = outcome.done
  if (cause === 'oom') return 'was ended because the memory of the sandbox is short'
  return signal ? `was ended by ${signal}` : `has exited with ${exitCode ?? 'no code'}`
}

function notOpened(id: string, outcome: Outcome, signal: AbortSignal | undefined): unknown {
  const reason: unknown = signal?.reason
  const isLate = reason instanceof DOMException && reason.name === 'TimeoutError'
  if (signal?.aborted && !isLate) return reason
  const why = isLate ? 'it has not begun in time' : `its process ${fate(outcome)}`
  const code = isLate ? 'SANDBOX_WAIT_TIMEOUT' : 'SANDBOX_CONTEXT_LOST'
  return new SandboxError(code, `${id} could not be created: ${why}`)
}
