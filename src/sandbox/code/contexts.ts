import type { Channel } from '../../agent/channel.js'
import type { Exchange, Outcome } from '../../agent/exchange.js'
import type { OpenRequest } from '../../agent/protocol.js'
import { isLate } from '../../util/deadline.js'
import { SandboxError } from '../../errors.js'
import type { ProgramLimits } from '../program/limits.js'
import type { Program } from '../program/program.js'
import type { Lease } from '../../pool/lease.js'
import { SerialQueue } from '../../util/serial-queue.js'

/**
 * A context, as {@link Sandbox.createCodeContext} returns it: a process that keeps variables and
 * imports from one `runCode(code, { context })` to the next, like a notebook.
 */
export interface CodeContext {
  /** The id of the context within its lease, for example `context-1`. */
  readonly id: string
  /** The label from the options of `createCodeContext()`. */
  readonly name: string | undefined
  readonly language: string
  /** The working directory in which the context started. */
  readonly cwd: string
}

/** The options of {@link Sandbox.createCodeContext}. */
export interface CodeContextOptions {
  /** A label for people. The library does not use it. */
  name?: string | undefined
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string | undefined
  /** Environment variables for the context. They are added to the variables of the container. */
  env?: Record<string, string | undefined> | undefined
  /**
   * The time limit of the creation, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Cancels the creation when the signal aborts. */
  signal?: AbortSignal | undefined
}

/** A reference to a context: its id, or the context itself. */
type ContextName = string | { id: string }

/** Each context is a process, and all of them share the memory of the container. */
const MAX_CONTEXTS = 8

/** Keeps the contexts of one container. */
export class CodeContexts {
  readonly #lease: Lease<Channel>
  readonly #language: string
  readonly #byId = new Map<string, Context>()
  #created = 0

  constructor(lease: Lease<Channel>, language: string) {
    this.#lease = lease
    this.#language = language
  }

  /** Creates a context and waits until its process has started. */
  async create({ name, cwd, env }: CodeContextOptions, signal: AbortSignal): Promise<CodeContext> {
    if (this.#byId.size >= MAX_CONTEXTS) {
      throw new SandboxError(
        'SANDBOX_TOO_MANY_CONTEXTS',
        `the sandbox has ${MAX_CONTEXTS} contexts, which is the maximum`,
        { suggestion: 'Delete a context with deleteCodeContext()' },
      )
    }
    const id = `context-${++this.#created}`
    const about = { id, name, language: this.#language, cwd: cwd ?? '/workspace' }
    const context = new Context(this.#lease, about, { op: 'open', context: id, cwd, env })
    this.#byId.set(id, context)
    try {
      await context.open(signal)
    } catch (error) {
      this.#byId.delete(id)
      throw error
    }
    return context.about
  }

  /** Returns the contexts in the order of their creation. */
  list(): CodeContext[] {
    return [...this.#byId.values()].map(({ about }) => about)
  }

  /**
   * Returns the context with the given id. A context that is passed as an object must be one of
   * this lease.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT`.
   */
  get(context: ContextName): Context {
    const id = typeof context === 'string' ? context : context.id
    const found = this.#byId.get(id)
    // A context of another lease may have the same id.
    if (found && (typeof context === 'string' || found.about === context)) return found
    throw unknownContext(this.list())
  }

  /**
   * Kills the process of a context and removes the context.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT`.
   */
  async delete(context: ContextName): Promise<void> {
    const found = this.get(context)
    this.#byId.delete(found.about.id)
    await found.close(() => unknownContext(this.list()))
  }
}

/**
 * One context. Its runs are executed one after the other. If its process ends, its variables are
 * lost. The runs that waited at that moment are then refused with an error. If no run waited, the
 * next run is refused. The run after these starts a new, empty process.
 */
class Context {
  readonly about: CodeContext
  readonly #lease: Lease<Channel>
  readonly #request: OpenRequest
  #process: Exchange | undefined
  #current: Program | undefined
  #opening: Promise<void> | undefined
  readonly #queue = new SerialQueue()
  /** The number of times that the process has ended. */
  #losses = 0
  #lossError: SandboxError | undefined
  /** Whether the next run must be refused, because no run was refused since the last loss. */
  #isLossUnreported = false
  /** Creates the error for runs after `close()`; `undefined` before. */
  #closedError: (() => SandboxError) | undefined

  constructor(lease: Lease<Channel>, about: CodeContext, request: OpenRequest) {
    this.#lease = lease
    this.about = Object.freeze(about)
    this.#request = request
  }

  /** Starts the process of the context. */
  async open(signal?: AbortSignal): Promise<void> {
    const { id } = this.about
    const process = this.#lease.container.open(this.#request, () => {})
    const stopListening = process.stopOn(signal)
    const started = await process.started
    stopListening()
    if (this.#closedError) process.stop('SIGKILL')
    if (!started || signal?.aborted || this.#closedError) {
      const outcome = await process.outcome
      throw this.#closedError?.() ?? notOpened(id, outcome, signal)
    }
    this.#process = process
    void process.outcome.then((outcome) => this.#onLost(outcome))
  }

  #onLost(outcome: Outcome): void {
    this.#process = undefined
    this.#losses++
    this.#lossError = contextLost(this.about.id, outcome)
    this.#isLossUnreported = true
  }

  /** Runs a program in the context, after the programs before it have ended. */
  run(start: (limits: Pick<ProgramLimits, 'after' | 'context'>) => Program): Program {
    const losses = this.#losses
    const state = () => (this.#process && losses === this.#losses ? 'kept' : 'lost')
    return this.#queue.run((previous) => {
      const after = previous.then(() => this.#begin(program, losses))
      const program = start({ after, context: { state } })
      return program
    })
  }

  /** Interrupts the program that runs in the process; it does nothing if no program runs. */
  interrupt(): void {
    this.#current?.end('abort')
  }

  /**
   * Kills the process and the program in it. Refuses the programs that wait with the given error.
   */
  async close(error: () => SandboxError): Promise<void> {
    this.#closedError = error
    this.#current?.signal('SIGKILL')
    const process = this.#process
    process?.stop('SIGKILL')
    await process?.outcome
  }

  /**
   * Prepares the context for the next program of the queue. `losses` is the number of losses when
   * the program was requested: the program is refused if there was another loss since then.
   */
  async #begin(program: Program, losses: number): Promise<void> {
    if (program.isOver) return // the program was ended while it waited
    if (this.#closedError) throw this.#closedError()
    const isLossUnreported = this.#isLossUnreported
    this.#isLossUnreported = false
    if (isLossUnreported || losses !== this.#losses) throw this.#lossError
    // The limits of the program may end it while the process starts. The next program then waits
    // for the same process.
    this.#opening ??= this.#process ? undefined : this.open()
    await this.#opening?.finally(() => (this.#opening = undefined))
    this.#current = program
  }
}

function unknownContext(known: readonly CodeContext[]): SandboxError {
  const ids = known.map(({ id }) => id)
  const which = ids.length > 0 ? `the contexts are ${ids.join(', ')}` : 'there are no contexts'
  return new SandboxError('SANDBOX_UNKNOWN_CONTEXT', `no context has this id: ${which}`)
}

function contextLost(id: string, outcome: Outcome): SandboxError {
  return new SandboxError(
    'SANDBOX_CONTEXT_LOST',
    `${id} is lost: its process ${describeEnd(outcome)}`,
    { suggestion: 'Define its variables again: the next run starts with an empty context' },
  )
}

function describeEnd(outcome: Outcome): string {
  if ('lost' in outcome) return 'ended with the container'
  const { exitCode, signal, cause, error } = outcome.done
  if (error) return `could not be started: ${error.code}`
  if (cause === 'pids') return 'ended because the sandbox has reached its process limit'
  if (cause === 'oom') return 'was killed because the sandbox is low on memory'
  return signal ? `was killed by ${signal}` : `exited with code ${exitCode ?? 'unknown'}`
}

function notOpened(id: string, outcome: Outcome, signal: AbortSignal | undefined): unknown {
  const hasTimedOut = isLate(signal?.reason)
  if (signal?.aborted && !hasTimedOut) return signal.reason
  const why = hasTimedOut ? 'it did not start in time' : `its process ${describeEnd(outcome)}`
  const code = hasTimedOut ? 'SANDBOX_WAIT_TIMEOUT' : 'SANDBOX_CONTEXT_LOST'
  return new SandboxError(code, `${id} could not be created: ${why}`)
}
