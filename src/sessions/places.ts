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

/** A place that is kept for a request, from the moment at which a session has left it. */
interface Claim {
  place: Place
  /** The session that leaves the place; `undefined` if the place is free already. */
  session: Session | undefined
}

/**
 * The places for the sessions of one language. A new session takes a place first, so that the
 * bounds also hold while many sessions begin at the same time. A place that becomes free for a
 * request that waits is kept for it: no later request can take it, not even one of the session that
 * has left it.
 */
export class Places {
  readonly #bounds: () => SessionBounds
  readonly #errors: SessionErrors
  readonly #taken = new Set<Place>()
  /** The next places of the sessions that make room for a request. */
  readonly #next = new Map<Session, Place>()
  readonly #queue = new Turns<Claim>()

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
      // Other callers may go on: the bounds may have changed, or this request failed and took no
      // place.
      this.#wake()
    }
  }

  free(place: Place): void {
    this.#taken.delete(place)
    const { session } = place
    const next = session && this.#next.get(session)
    if (!next) return this.#wake()
    this.#next.delete(session)
    this.#taken.add(next)
  }

  /** Gives the place of a session that is idle to the first request that waits. */
  offer(session: Session): void {
    if (this.#queue.size === 0 || session.isEnding || !session.isIdle) return
    this.#queue.settleFirst(this.#claim(session, undefined))
  }

  async #take(tenant: string | undefined, patience: Patience): Promise<Place> {
    for (let kept: Place | undefined; ;) {
      // The bounds are checked again, because they or the other sessions can have changed.
      if (kept) this.#taken.delete(kept)
      const { maxSessions, maxSessionsPerTenant } = this.#bounds()
      if (maxSessions < 1) throw this.#errors.noPlace(maxSessions + 1)
      const all = [...this.#taken]
      const own = tenant === undefined ? [] : all.filter((place) => place.tenant === tenant)
      const isTenantFull = own.length >= maxSessionsPerTenant
      if (!isTenantFull && all.length < maxSessions) {
        const place: Place = { tenant, session: undefined }
        this.#taken.add(place)
        return place
      }
      const claim = isTenantFull
        ? this.#claimOfTenant(own, tenant)
        : await this.#claimAny(all, patience)
      kept = await this.#left(claim, patience)
    }
  }

  /** Keeps a free place for the first request that waits. */
  #wake(): void {
    if (this.#queue.size === 0 || this.#taken.size >= this.#bounds().maxSessions) return
    const place: Place = { tenant: undefined, session: undefined }
    this.#taken.add(place)
    this.#queue.settleFirst({ place, session: undefined })
  }

  #claimOfTenant(own: readonly Place[], tenant: string | undefined): Claim {
    const leaving = this.#leavingOf(own)
    if (!leaving) throw this.#errors.tooManyOfTenant(own.length, soonestEnd(own))
    return this.#claim(leaving, tenant)
  }

  /** Waits until a session can make room. Throws if no session can. */
  async #claimAny(all: readonly Place[], { leftMs, signal }: Patience): Promise<Claim> {
    const { evictIdle, maxWaiting } = this.#bounds()
    // The requests that wait get the next place, before this one.
    const leaving = this.#queue.size === 0 ? this.#leavingOf(all) : undefined
    if (leaving) return this.#claim(leaving, undefined)
    if (!evictIdle) throw this.#errors.tooMany(all.length, soonestEnd(all))
    if (this.#queue.size >= maxWaiting) throw this.#errors.queueFull(this.#queue.size)
    return this.#queue.add({
      timeoutMs: leftMs,
      signal,
      onTimeout: () => this.#errors.tooMany(all.length, soonestEnd(all)),
      onAbort: (reason) => this.#errors.aborted(reason),
    })
  }

  /**
   * Returns a session that already ends and for which no request waits, or the session to evict.
   */
  #leavingOf(places: readonly Place[]): Session | undefined {
    const sessions = places.flatMap(({ session }) => session ?? [])
    const free = sessions.filter((session) => !this.#next.has(session))
    const ending = free.find(({ isEnding, info }) => isEnding && info.requests === 0)
    return ending ?? (this.#bounds().evictIdle ? longestIdle(free) : undefined)
  }

  #claim(session: Session, tenant: string | undefined): Claim {
    const place: Place = { tenant, session: undefined }
    this.#next.set(session, place)
    // The session ends at once, so that no other request can begin to use it.
    if (!session.isEnding) void session.end('evicted')
    return { place, session }
  }

  /** Waits until the session has left the place. */
  async #left({ place, session }: Claim, patience: Patience): Promise<Place> {
    if (!session) return place
    try {
      await patience.until(session.over)
      return place
    } catch (error) {
      this.#next.delete(session)
      this.free(place)
      throw error
    }
  }
}

/** Returns the time in milliseconds until the first of the sessions ends if it is not used. */
function soonestEnd(places: readonly Place[]): number | undefined {
  const times = places.flatMap(({ session }) => (session ? session.endsInMs : []))
  return times.length > 0 ? Math.min(...times) : undefined
}
