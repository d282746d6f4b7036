import type { Channel } from '../../agent/channel.js'
import type { Exchange, Outcome } from '../../agent/exchange.js'
import type { OpenRequest } from '../../agent/protocol.js'
import { isLate } from '../../util/deadline.js'
import { SandboxError } from '../../errors.js'
import type { ProgramLimits } from '../program/limits.js'
import type { Program } from '../program/program.js'
import type { Lease } from '../../pool/lease.js'
import { SerialQueue } from '../../util/serial-queue.js'

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

/** The contexts of a lease. */
export class CodeContexts {
  readonly #byId = new Map<string, Context>()
  #created = 0

  async create(
    lease: Lease<Channel>,
    language: string,
    { name, cwd, env }: CodeContextOptions,
    signal: AbortSignal,
  ): Promise<CodeContext> {
    if (this.#byId.size >= MAX_CONTEXTS) {
      throw new SandboxError(
        'SANDBOX_TOO_MANY_CONTEXTS',
        `the sandbox has ${MAX_CONTEXTS} contexts, which is as many as it may have`,
        { suggestion: 'Delete one with deleteCodeContext()' },
      )
    }
    const id = `context-${++this.#created}`
    const about = { id, name, language, cwd: cwd ?? '/workspace' }
    const context = new Context(lease, about, { op: 'open', context: id, cwd, env })
    this.#byId.set(id, context)
    try {
      await context.open(signal)
    } catch (error) {
      this.#byId.delete(id)
      throw error
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
    throw unknownContext(this.list())
  }

  /** @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT`. */
  async delete(context: ContextName): Promise<void> {
    const found = this.get(context)
    this.#byId.delete(found.about.id)
    await found.close(() => unknownContext(this.list()))
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
  #opening: Promise<void> | undefined
  readonly #queue = new SerialQueue()
  #deaths = 0
  #death: SandboxError | undefined
  /** Whether somebody has still to be told of the last death. */
  #isUntold = false
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
    const stopListening = process.stopOn(signal)
    const started = await process.started
    stopListening()
    if (this.#closed) process.stop('SIGKILL')
    if (!started || signal?.aborted || this.#closed) {
      const outcome = await process.outcome
      throw this.#closed?.() ?? notOpened(id, outcome, signal)
    }
    this.#process = process
    void process.outcome.then((outcome) => this.#die(outcome))
  }

  #die(outcome: Outcome): void {
    this.#process = undefined
    this.#deaths++
    this.#death = contextLost(this.about.id, outcome)
    this.#isUntold = true
  }

  /** Runs a program of it when those before it are over. */
  run(start: (limits: Pick<ProgramLimits, 'after' | 'context'>) => Program): Program {
    const deaths = this.#deaths
    const state = () => (this.#process && deaths === this.#deaths ? 'kept' : 'lost')
    return this.#queue.run((previous) => {
      const after = previous.then(() => this.#begin(program, deaths))
      const program = start({ after, context: { state } })
      return program
    })
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
    const isUntold = this.#isUntold
    this.#isUntold = false
    if (isUntold || deaths !== this.#deaths) throw this.#death
    // Its own limits may end the program meanwhile: the next one waits for the same process.
    this.#opening ??= this.#process ? undefined : this.open()
    await this.#opening?.finally(() => (this.#opening = undefined))
    this.#current = program
  }
}

function unknownContext(known: readonly CodeContext[]): SandboxError {
  const ids = known.map(({ id }) => id)
  const which = ids.length > 0 ? `there are ${ids.join(', ')}` : 'none was created, or left'
  return new SandboxError('SANDBOX_UNKNOWN_CONTEXT', `no context has this id: ${which}`)
}

function contextLost(id: string, outcome: Outcome): SandboxError {
  return new SandboxError('SANDBOX_CONTEXT_LOST', `${id} is lost: its process ${fate(outcome)}`, {
    suggestion: 'All that it knew is gone; the next run begins anew',
  })
}

function fate(outcome: Outcome): string {
  if ('lost' in outcome) return 'went with its container'
  const { exitCode, signal, cause, error } = outcome.done
  if (error) return `could not be started: ${error.code}`
  if (cause === 'pids') return 'was refused: the sandbox has as many processes as it may'
  if (cause === 'oom') return 'was ended because the memory of the sandbox is short'
  return signal ? `was ended by ${signal}` : `has exited with ${exitCode ?? 'no code'}`
}

function notOpened(id: string, outcome: Outcome, signal: AbortSignal | undefined): unknown {
  const wasLate = isLate(signal?.reason)
  if (signal?.aborted && !wasLate) return signal.reason
  const why = wasLate ? 'it has not begun in time' : `its process ${fate(outcome)}`
  const code = wasLate ? 'SANDBOX_WAIT_TIMEOUT' : 'SANDBOX_CONTEXT_LOST'
  return new SandboxError(code, `${id} could not be created: ${why}`)
}
