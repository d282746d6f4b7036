import type { Channel } from '../agent/channel.js'
import { Lease } from '../pool/lease.js'
import type { LeaseEnd } from '../pool/lease.js'
import type { SandboxAbout } from '../sandbox/about.js'
import { Sandbox } from '../sandbox/sandbox.js'
import type { SandboxSession, SessionEnd } from '../sandbox/session-handle.js'
import type { SandboxState } from '../sandbox/state.js'
import { check } from '../schemas/check.js'
import { Milliseconds } from '../schemas/values.js'
import type { DeadlineTimer } from '../util/deadline.js'
import { setDeadline } from '../util/deadline.js'
import { deferred } from '../util/deferred.js'
import type { HookCalls } from './hooks.js'
import type { SessionErrors } from './session-errors.js'
import { Turns } from './turns.js'
import type { SessionInfo } from './types.js'

/** The reasons for which a session first waits until its requests are over. */
const PATIENT: ReadonlySet<SessionEnd> = new Set(['ttl', 'closed'])

const LEASE_END: Readonly<Record<SessionEnd, LeaseEnd>> = {
  idle: 'idle',
  ttl: 'ttl',
  evicted: 'evicted',
  ended: 'released',
  crash: 'crash',
  oom: 'crash',
  closed: 'closed',
}

/** The parts of a session that do not change. */
export interface SessionParts {
  id: string
  tenant: string | undefined
  about: SandboxAbout
  ttlMs: number
  /** The reason for the end of the session before this one; `undefined` if there was none. */
  lostReason: SessionEnd | undefined
  /** The greatest number of requests that wait for their turn. */
  maxWaiting: number
  errors: SessionErrors
  /** Called when a request of the session or a process has ended: the session may be idle now. */
  onIdle: (session: Session) => void
  hooks: HookCalls
}

type Timer = Pick<DeadlineTimer, 'clear'>

/** One request, as far as a session needs it. */
export interface Visit {
  timeoutMs: number
  signal: AbortSignal | undefined
  leaseTtlMs: number
  idleMs: number
  concurrency: number
  env: SandboxAbout['env']
}

/**
 * One session: a leased container that many requests use, one after the other or at the same time.
 * Each request has a lease of its own, whose end kills only the programs of that request.
 */
export class Session {
  /** Resolves when the session has ended and its container has left it. Never rejects. */
  readonly over: Promise<SessionEnd>
  readonly #parts: SessionParts
  readonly #lease: Lease<Channel>
  readonly #state: SandboxState
  /** The leases of the requests that use the session. */
  readonly #visits = new Set<Lease<Channel>>()
  /** The leases of the requests that run in order. */
  readonly #ordered = new Set<Lease<Channel>>()
  readonly #queue = new Turns<Lease<Channel> | undefined>()
  readonly #over = deferred<SessionEnd>()
  /** Resolves when a session that ends has no request, or must not wait for its requests. */
  readonly #unused = deferred<void>()
  readonly #createdAt = new Date()
  readonly #expiry: Timer
  #idleTimer: Timer | undefined
  #idleMs = 0
  #idleSince = performance.now()
  #keptUntil = 0
  #concurrency = Number.POSITIVE_INFINITY
  #isNew = true
  #reason: SessionEnd | undefined

  /** The lease is that of the state. It is kept and counts as used. */
  constructor(state: SandboxState, parts: SessionParts) {
    this.over = this.#over.promise
    this.#parts = parts
    const { lease } = state
    this.#lease = lease
    this.#state = state
    // A process can be the last user of the session.
    this.#state.processes.onExit = () => parts.onIdle(this)
    lease.signal.addEventListener('abort', () => void this.#onLeaseEnd(), { once: true })
    this.#expiry = this.#endAfter(parts.ttlMs, 'ttl')
  }

  get info(): SessionInfo {
    const { id, tenant, about } = this.#parts
    const requests = this.#visits.size
    const idleMs = requests > 0 ? 0 : performance.now() - this.#idleSince
    return { id, language: about.language, tenant, createdAt: this.#createdAt, requests, idleMs }
  }

  /** Whether the session ends: it takes no more requests. */
  get isEnding(): boolean {
    return this.#reason !== undefined || this.#lease.container.isLost
  }

  /** Whether no request and no background process uses the session. */
  get isIdle(): boolean {
    return this.#visits.size === 0 && this.#queue.size === 0 && !this.#state.processes.areRunning
  }

  /** The time in whole milliseconds until the session ends if it gets no further request. */
  get endsInMs(): number {
    const idleMs = this.#idleMs - this.info.idleMs
    return Math.ceil(Math.max(0, idleMs, this.#keptUntil - performance.now()))
  }

  /**
   * Gives the sandbox to a request, and waits for its turn before. Returns `undefined` if the
   * session ends: the request needs another session.
   */
  async visit(visit: Visit): Promise<Sandbox | undefined> {
    if (this.isEnding) return undefined
    this.#idleMs = visit.idleMs
    const lease = Number.isFinite(visit.concurrency)
      ? await this.#turn(visit)
      : this.#begin(this.#visits)
    if (!lease || lease.ended) return undefined
    lease.renew(visit.leaseTtlMs)
    if (visit.signal?.aborted) {
      lease.end('aborted')
      throw this.#parts.errors.aborted(visit.signal.reason)
    }
    const about = { ...this.#parts.about, env: visit.env }
    return new Sandbox(lease, about, { state: this.#state, session: this.#handle() })
  }

  /**
   * Ends the session. If its age or the closing pool is the reason, its requests may end first.
   * A later call for another reason ends the requests at once.
   */
  async end(reason: SessionEnd): Promise<void> {
    if (!this.#reason) void this.#end(reason)
    if (!PATIENT.has(reason)) this.#unused.resolve()
    await this.over
  }

  /** Ends the requests that a session waits for before it ends. */
  endRequests(): void {
    if (this.isEnding) this.#unused.resolve()
  }

  #handle(): SandboxSession {
    const { id, lostReason } = this.#parts
    const isNew = this.#isNew
    this.#isNew = false
    return {
      id,
      isNew,
      lostReason: isNew ? lostReason : undefined,
      extend: (ms) => {
        const until = performance.now() + check(Milliseconds, ms, 'extend')
        this.#keptUntil = Math.max(this.#keptUntil, until)
      },
      end: () => this.end('ended'),
    }
  }

  /** Waits until fewer ordered requests use the session than `concurrency` allows. */
  async #turn({ concurrency, timeoutMs, signal }: Visit): Promise<Lease<Channel> | undefined> {
    this.#concurrency = concurrency
    const { errors, maxWaiting } = this.#parts
    if (this.#queue.size === 0 && this.#ordered.size < concurrency)
      return this.#begin(this.#ordered)
    if (this.#queue.size >= maxWaiting) throw errors.queueFull(this.#queue.size)
    return this.#queue.add({
      timeoutMs,
      signal,
      onTimeout: () => errors.noTurn(timeoutMs, this.#queue.size),
      onAbort: (reason) => errors.aborted(reason),
    })
  }

  /** Begins the lease of a request and adds it to `group`. */
  #begin(group: Set<Lease<Channel>>): Lease<Channel> {
    this.#idleTimer?.clear()
    const lease = new Lease(this.#lease.container, () => {
      group.delete(lease)
      this.#visits.delete(lease)
      this.#left()
      return 'kept'
    })
    group.add(lease)
    this.#visits.add(lease)
    return lease
  }

  #left(): void {
    if (this.#visits.size === 0) this.#idleSince = performance.now()
    if (this.isEnding) {
      if (this.#visits.size === 0) this.#unused.resolve()
      return
    }
    while (this.#queue.size > 0 && this.#ordered.size < this.#concurrency) {
      this.#queue.settleFirst(this.#begin(this.#ordered))
    }
    if (this.#visits.size > 0) return
    this.#idleTimer = this.#endAfter(this.#idleMs, 'idle')
    this.#parts.onIdle(this)
  }

  /** Ends the session after a time, or later if `extend()` was called. */
  #endAfter(ms: number, reason: SessionEnd): Timer {
    let timer: DeadlineTimer
    const start = (delayMs: number): DeadlineTimer =>
      setDeadline(delayMs, () => {
        const keptMs = this.#keptUntil - performance.now()
        if (keptMs > 0) timer = start(keptMs)
        else void this.end(reason)
      }).unref()
    timer = start(ms)
    return { clear: () => timer.clear() }
  }

  async #onLeaseEnd(): Promise<void> {
    const how = this.#lease.ended ?? 'closed'
    const wasEnding = this.#reason !== undefined
    // The session takes no more requests from now on, also while the exit is not known yet.
    this.#reason ??= how === 'crash' ? 'crash' : 'closed'
    for (const visit of this.#visits) visit.end(how)
    this.#unused.resolve()
    if (wasEnding) return
    if (how !== 'crash') return this.#end('closed')
    const { oom } = await this.#lease.container.exited
    await this.#end(oom ? 'oom' : 'crash')
  }

  async #end(reason: SessionEnd): Promise<void> {
    this.#reason = reason
    this.#expiry.clear()
    this.#idleTimer?.clear()
    while (this.#queue.size > 0) this.#queue.settleFirst(undefined)
    if (this.#visits.size === 0) this.#unused.resolve()
    await this.#unused.promise
    for (const visit of this.#visits) visit.end(LEASE_END[reason])
    await this.#parts.hooks.end({ ...this.info, reason })
    this.#lease.end(LEASE_END[reason])
    this.#over.resolve(reason)
  }
}
