import { longestIdle } from './eviction.js'
import type { Patience } from './patience.js'
import type { Session } from './session.js'
import type { SessionErrors } from './session-errors.js'
import { Turns } from './turns.js'

/** The bounds of the sessions of one language. */
export interface SessionBounds {
  maxSessions: number
  maxSessionsPerTenant: number
  /** Whether the session that has been idle for the longest time makes room for a new one. */
  evictIdle: boolean
  /** The greatest number of requests that wait for a place. */
  maxWaiting: number
}

/** A place for one session: it is taken from before the launch until the container has left. */
export interface Place {
  tenant: string | undefined
  /** `undefined` while the session waits for its container. */
  session: Session | undefined
}

/**
 * The places for the sessions of one language. A new session takes a place first, so that the
 * bounds also hold while many sessions begin at the same time.
 */
export class Places {
  readonly #bounds: () => SessionBounds
  readonly #errors: SessionErrors
  readonly #taken = new Set<Place>()
  /** The sessions that make room for a request that waits for it. */
  readonly #leaving = new Set<Session>()
  readonly #queue = new Turns<Session | undefined>()

  constructor(bounds: () => SessionBounds, errors: SessionErrors) {
    this.#bounds = bounds
    this.#errors = errors
  }

  get size(): number {
    return this.#taken.size
  }

  /**
   * Takes a place. If all are taken, it waits for a session that ends, or ends an idle one.
   *
   * @throws SandboxError `SANDBOX_TOO_MANY_SESSIONS`, `SANDBOX_TENANT_LIMIT`,
   * `SANDBOX_QUEUE_FULL`, `SANDBOX_ACQUIRE_TIMEOUT`, `SANDBOX_ACQUIRE_ABORTED`.
   */
  async take(tenant: string | undefined, patience: Patience): Promise<Place> {
    try {
      return await this.#take(tenant, patience)
    } finally {
      // A request that fails may have been woken for a place that it does not take.
      this.#wake()
    }
  }

  free(place: Place): void {
    this.#taken.delete(place)
    const isExpected = place.session && this.#leaving.has(place.session)
    if (!isExpected) this.#wake()
  }

  /** Gives a session that is idle to the first request that waits for a place. */
  offer(session: Session): void {
    if (this.#queue.size === 0 || session.isEnding || !session.isIdle) return
    this.#leaving.add(session)
    // The session ends before the request continues, so that no other request can begin to use it.
    void session.end('evicted')
    this.#queue.settleFirst(session)
  }

  /** Wakes the first request that waits, if there is a free place. */
  #wake(): void {
    if (this.#taken.size < this.#bounds().maxSessions) this.#queue.settleFirst(undefined)
  }

  async #take(tenant: string | undefined, patience: Patience): Promise<Place> {
    for (;;) {
      const { maxSessions, maxSessionsPerTenant } = this.#bounds()
      if (maxSessions < 1) throw this.#errors.noPlace(maxSessions + 1)
      const all = [...this.#taken]
      const own = tenant === undefined ? [] : all.filter((place) => place.tenant === tenant)
      if (own.length >= maxSessionsPerTenant) await this.#makeRoomOfTenant(own, patience)
      else if (all.length >= maxSessions) await this.#makeRoom(all, patience)
      else {
        const place: Place = { tenant, session: undefined }
        this.#taken.add(place)
        return place
      }
    }
  }

  async #makeRoomOfTenant(own: readonly Place[], patience: Patience): Promise<void> {
    const leaving = this.#leavingOf(own)
    if (!leaving) throw this.#errors.tooManyOfTenant(own.length, soonestEnd(own))
    await this.#replace(leaving, patience)
  }

  /** Waits until a place is free. Throws if no session can make room. */
  async #makeRoom(all: readonly Place[], patience: Patience): Promise<void> {
    const { evictIdle, maxWaiting } = this.#bounds()
    // The requests that wait get the next place, before this one.
    const leaving = this.#queue.size === 0 ? this.#leavingOf(all) : undefined
    if (leaving) return this.#replace(leaving, patience)
    if (!evictIdle) throw this.#errors.tooMany(all.length, soonestEnd(all))
    if (this.#queue.size >= maxWaiting) throw this.#errors.queueFull(this.#queue.size)
    const { leftMs, signal } = patience
    const offered = await this.#queue.add({
      timeoutMs: leftMs,
      signal,
      onTimeout: () => this.#errors.tooMany(all.length, soonestEnd(all)),
      onAbort: (reason) => this.#errors.aborted(reason),
    })
    if (offered) await this.#replace(offered, patience)
  }

  /** Returns a session that ends anyway and waits for no request, or the one that makes room. */
  #leavingOf(places: readonly Place[]): Session | undefined {
    const sessions = places.flatMap(({ session }) => session ?? [])
    const free = sessions.filter((session) => !this.#leaving.has(session))
    const ending = free.find(({ isEnding, info }) => isEnding && info.requests === 0)
    return ending ?? (this.#bounds().evictIdle ? longestIdle(free) : undefined)
  }

  async #replace(session: Session, patience: Patience): Promise<void> {
    this.#leaving.add(session)
    try {
      if (!session.isEnding) void session.end('evicted')
      await patience.until(session.over)
    } finally {
      this.#leaving.delete(session)
    }
  }
}

/** Returns the time in milliseconds until the first of the sessions ends if it is not used. */
function soonestEnd(places: readonly Place[]): number | undefined {
  const times = places.flatMap(({ session }) => (session ? session.endsInMs : []))
  return times.length > 0 ? Math.min(...times) : undefined
}
