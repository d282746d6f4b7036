import type { Socket } from 'node:net'
import { SandboxError } from '../src/errors.js'
import type { DeadlineTimer } from '../src/util/deadline.js'
import { setDeadline } from '../src/util/deadline.js'
import type { KeptRun, KeptRuns } from './kept-runs.js'
import type { Connection } from './socket-connection.js'
import { OPEN, send } from './socket-connection.js'
import { failureOf, runLost } from './socket-error.js'
import { Liveness } from './socket-liveness.js'
import { MessageClock } from './socket-message-clock.js'
import { badMessage, openingOf } from './socket-messages.js'
import type { Outbox } from './socket-outbox.js'
import { DirectOutbox, NumberedOutbox } from './socket-outbox.js'
import type { SocketRun } from './socket-run.js'

/**
 * The time without traffic after which a connection is closed, in milliseconds. A run that can be
 * resumed has heartbeats.
 */
const IDLE_MS = 120_000
/**
 * The close codes of a client that may come back: the connection broke, or the client itself has
 * noticed that it is broken.
 */
const LOST: ReadonlySet<number> = new Set([1006, 4000])

/** The parts that the conversations of a route share. */
export interface Route {
  firstMessageMs: number
  keepMs: number
  runs: KeptRuns
  /** Creates a run that has not begun. */
  createRun: (outbox: Outbox) => SocketRun
  /** Called with an error that ends a conversation before its run begins. */
  onError: (error: unknown) => void
}

/**
 * One connection of a client: it begins a run, or resumes one, and passes messages to it. The run of
 * a client that cannot resume ends with its connection.
 */
export class Conversation {
  readonly #connection: Connection
  readonly #route: Route
  readonly #tenant: string | undefined
  readonly #firstMessageTimer: DeadlineTimer
  readonly #clock: MessageClock
  #run: SocketRun | undefined
  #kept: KeptRun | undefined
  #liveness: Liveness | undefined

  constructor(
    { connection, transport }: { connection: Connection; transport: Socket },
    route: Route,
    tenant: string | undefined,
  ) {
    this.#connection = connection
    this.#route = route
    this.#tenant = tenant
    transport.setTimeout(IDLE_MS, () => connection.terminate())
    this.#firstMessageTimer = setDeadline(route.firstMessageMs, () => {
      this.#refuse(badMessage('the first message did not arrive in time'))
    })
    this.#clock = new MessageClock(connection, transport, () => {
      this.#refuse(badMessage('the message did not end in time'))
    })
  }

  /** Handles a message of the client: text or an `ArrayBuffer`. */
  take(data: unknown): void {
    this.#clock.message()
    if (this.#connection.readyState !== OPEN) return
    if (this.#run) return this.#pass(this.#run, data)
    const opening = openingOf(data)
    if (opening?.type === 'open') return this.#open()
    if (opening) return this.#resume(opening.run, opening.after)
    const run = this.#route.createRun(new DirectOutbox(this.#connection))
    run.connection = this.#connection
    this.#run = run
    this.#pass(run, data)
  }

  /** Ends a conversation whose program does not run yet, because the pool closes. */
  close(): void {
    if (this.#run?.hasBegun) return
    this.#refuse(new SandboxError('SANDBOX_CLOSED', 'the pool is closed'))
  }

  /** Ends the conversation, because its connection is closed. */
  end(code: number): void {
    this.#firstMessageTimer.clear()
    this.#clock.stop()
    this.#liveness?.stop()
    if (!this.#kept) return this.#run?.end()
    const { run } = this.#kept
    if (run.connection !== this.#connection) return // the client has another connection
    // Without a program there is nothing to keep. A client that opens and loses many connections
    // must not push out the runs of other clients.
    if (run.hasBegun && LOST.has(code)) this.#route.runs.lose(this.#kept)
    else this.#route.runs.end(this.#kept)
  }

  #pass(run: SocketRun, data: unknown): void {
    this.#liveness?.heard()
    const before = run.received
    run.take(data)
    if (run.hasBegun) this.#firstMessageTimer.clear()
    if (this.#kept && run.received > before) this.#say({ type: 'ack', received: run.received })
  }

  #open(): void {
    const outbox = new NumberedOutbox()
    const run = this.#route.createRun(outbox)
    this.#kept = this.#route.runs.add({ run, outbox, tenant: this.#tenant })
    this.#say({ type: 'open', run: this.#kept.id, ...this.#times })
    this.#attach(this.#kept, 0)
  }

  #resume(id: string, after: number): void {
    const kept = this.#route.runs.find(id, after, this.#tenant)
    if (!kept) return this.#tell(runLost())
    this.#kept = kept
    this.#say({ type: 'resume', received: kept.run.received, ...this.#times })
    this.#attach(kept, after)
  }

  #attach(kept: KeptRun, after: number): void {
    this.#run = kept.run
    if (kept.run.hasBegun) this.#firstMessageTimer.clear()
    this.#liveness = new Liveness(this.#connection)
    this.#route.runs.attach(kept, this.#connection)
    kept.outbox.attach(this.#connection, after)
  }

  get #times() {
    return { keepMs: this.#route.keepMs, heartbeatMs: Liveness.HEARTBEAT_MS }
  }

  #say(message: object): void {
    void send(this.#connection, JSON.stringify(message))
  }

  /** Ends the conversation because of an error. */
  #refuse(error: unknown): void {
    if (this.#run) return this.#run.fail(error)
    this.#tell(failureOf(error))
    this.#route.onError(error)
  }

  #tell({ event, code }: ReturnType<typeof failureOf>): void {
    this.#say(event)
    this.#connection.close(code)
  }
}
