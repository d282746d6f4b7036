import { randomBytes } from 'node:crypto'
import type { DeadlineTimer } from '../src/util/deadline.js'
import { setDeadline } from '../src/util/deadline.js'
import type { Connection } from './socket-connection.js'
import type { NumberedOutbox } from './socket-outbox.js'
import type { SocketRun } from './socket-run.js'

/** A run that its client can resume, by an id that nobody can guess. */
export interface KeptRun {
  readonly id: string
  readonly run: SocketRun
  readonly outbox: NumberedOutbox
  /** The tenant of the client. Only the same tenant can resume the run. */
  readonly tenant: string | undefined
}

/** The bounds of {@link KeptRuns}. */
interface KeptRunsLimits {
  /** The time that a run is kept after its client has disconnected, in milliseconds; 0 is never. */
  keepMs: number
  /** The number of runs without a client. If there are more, the oldest one ends. */
  maxRuns: number
}

/** The runs that can be resumed: with a client, or without one for a limited time. */
export class KeptRuns {
  readonly #limits: KeptRunsLimits
  readonly #runs = new Map<string, KeptRun>()
  /** The runs without a client, the oldest first, with the timers that end them. */
  readonly #left = new Map<KeptRun, DeadlineTimer>()

  constructor(limits: KeptRunsLimits) {
    this.#limits = limits
  }

  /** Adds a run, which has a client. */
  add(parts: Omit<KeptRun, 'id'>): KeptRun {
    const kept = { ...parts, id: randomBytes(24).toString('base64url') }
    this.#runs.set(kept.id, kept)
    return kept
  }

  /** Returns a run that still has all events after this number; `undefined` if there is none. */
  find(id: string, after: number, tenant: string | undefined): KeptRun | undefined {
    const kept = this.#runs.get(id)
    return kept?.tenant === tenant && kept?.outbox.has(after) ? kept : undefined
  }

  /** Gives a run a connection, and closes the connection that it had. */
  attach(kept: KeptRun, connection: Connection): void {
    this.#left.get(kept)?.clear()
    this.#left.delete(kept)
    const before = kept.run.connection
    kept.run.connection = connection
    before?.terminate()
  }

  /** Notes that a run has lost its connection. It goes on, and ends if its client does not come back. */
  lose(kept: KeptRun): void {
    if (this.#limits.keepMs === 0) return this.end(kept)
    kept.run.connection = undefined
    kept.outbox.detach()
    this.#left.set(
      kept,
      setDeadline(this.#limits.keepMs, () => this.end(kept)),
    )
    const [oldest] = this.#left.keys()
    if (oldest && this.#left.size > this.#limits.maxRuns) this.end(oldest)
  }

  /** Ends a run, so that it cannot be resumed. */
  end(kept: KeptRun): void {
    this.#left.get(kept)?.clear()
    this.#left.delete(kept)
    this.#runs.delete(kept.id)
    kept.run.end()
  }
}
