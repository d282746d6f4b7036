import { expect, vi } from 'vitest'
import type { AcquireOptions } from '../../../src/pool/types.js'
import type { SizeBounds } from '../../../src/pool/warm-size.js'
import { boundsOf } from '../../../src/pool/warm-size.js'
import type { FakeContainer, FakeLauncher, FakeLease, FakePool } from '../fakes/fake-pool.js'
import { fakePool, flushMicrotasks } from '../fakes/fake-pool.js'
import type { Step } from './pool-steps.js'

/** Callers without a tenant, and two tenants. */
const TENANTS = [undefined, 'a', 'b']
const MAX_PER_TENANT = 2

interface Caller {
  tenant: string | undefined
  state: 'waiting' | 'granted' | 'rejected'
  abort?: AbortController
  settled: number
}

/** Performs steps on one pool, and checks its invariants after them. */
export class PoolDriver {
  readonly launcher: FakeLauncher
  readonly pool: FakePool
  readonly callers: Caller[] = []
  readonly leases = new Map<FakeContainer, FakeLease>()
  /** The tenants of all leases. */
  readonly #tenants = new Map<FakeLease, string | undefined>()
  readonly used = new Set<FakeContainer>()
  readonly #openLeases = new Map<string, number>()
  readonly #violations: string[] = []
  #newlyGranted: number[] = []
  size: SizeBounds
  max: number

  constructor(size: number | SizeBounds, max: number) {
    this.size = boundsOf(size)
    this.max = max
    const { launcher, pool } = fakePool({
      size,
      max,
      maxWaiting: 6,
      maxPerTenant: MAX_PER_TENANT,
      maxWaitingPerTenant: 4,
      leaseTtlMs: 3000,
      onEvent: (event) => {
        if (event.type === 'acquired') this.#countLease(event.name, 1)
        if (event.type === 'ended') this.#countLease(event.name, -1)
      },
    })
    this.launcher = launcher
    this.pool = pool
    launcher.onLaunch = () => {
      const alive = launcher.alive.size
      this.#require(alive <= this.max, `${alive} containers exist, expected at most ${this.max}`)
    }
  }

  #countLease(name: string, change: number): void {
    const open = (this.#openLeases.get(name) ?? 0) + change
    this.#require(open === 0 || open === 1, `${name} has two events of the same kind in a row`)
    this.#openLeases.set(name, open)
  }

  /** Records a violation for `check()`. An error here would reach the pool, not the test. */
  #require(holds: boolean, violation: string): void {
    if (!holds) this.#violations.push(violation)
  }

  async acquire(options: AcquireOptions, abort?: AbortController): Promise<void> {
    const { tenant } = options
    const caller: Caller = { tenant, state: 'waiting', settled: 0, ...(abort && { abort }) }
    const at = this.callers.push(caller) - 1
    try {
      const lease = await this.pool.acquire(options)
      caller.state = 'granted'
      this.#newlyGranted.push(at)
      this.#tenants.set(lease, tenant)
      if (!lease.ended) this.#addLease(lease)
    } catch {
      caller.state = 'rejected'
    }
    caller.settled++
  }

  #addLease(lease: FakeLease): void {
    const { container } = lease
    this.#require(!this.leases.has(container), `${container.name} has two leases`)
    this.#require(!this.used.has(container), `${container.name} is leased again after use`)
    this.leases.set(container, lease)
    lease.signal.addEventListener('abort', () => {
      this.#require(this.leases.get(container) === lease, `${container.name} ended twice`)
      if (lease.isUsed) this.used.add(container)
      this.leases.delete(container)
    })
  }

  step({ op, pick, microtasks }: Step): Promise<void> {
    const { launcher } = this
    const lease = choose([...this.leases.values()], pick)
    const launch = choose(launcher.launches, pick)
    const removal = choose(launcher.removals, pick)
    const tenant = choose(TENANTS, pick)
    switch (op) {
      case 'acquire':
        void this.acquire({ tenant })
        break
      case 'acquireWithTimeout':
        void this.acquire({ tenant, timeoutMs: pick })
        break
      case 'acquireAbortable': {
        const abort = new AbortController()
        void this.acquire({ tenant, signal: abort.signal }, abort)
        break
      }
      case 'abort':
        choose(
          this.callers.filter((caller) => caller.abort && caller.state === 'waiting'),
          pick,
        )?.abort?.abort()
        break
      case 'use':
        lease?.touch()
        break
      case 'release':
        lease?.end('released')
        break
      case 'endBadly':
        lease?.end(pick % 2 ? 'aborted' : 'failed')
        break
      case 'crash':
        choose([...launcher.alive.values()], pick)?.crash()
        break
      case 'crashLeased':
        lease?.container.crash()
        break
      case 'goSilent':
        this.#setResponsive(pick, false)
        break
      case 'answerAgain':
        this.#setResponsive(pick, true)
        break
      case 'launchWorks':
        launcher.launchMode = 'works'
        break
      case 'launchFails':
        launcher.launchMode = 'fails'
        break
      case 'launchSlow':
        launcher.launchMode = 'manual'
        break
      case 'answerLaunch':
        if (launch) launcher.launches.splice(launcher.launches.indexOf(launch), 1)
        launch?.answer.resolve()
        break
      case 'failLaunch':
        if (launch) launcher.launches.splice(launcher.launches.indexOf(launch), 1)
        launch?.answer.reject(new Error('the launch failed'))
        break
      case 'removeWorks':
        launcher.removeMode = 'works'
        break
      case 'removeFails':
        launcher.removeMode = 'fails'
        break
      case 'removeSlow':
        launcher.removeMode = 'manual'
        break
      case 'answerRemove':
        if (removal) launcher.removals.splice(launcher.removals.indexOf(removal), 1)
        removal?.resolve()
        break
      case 'failRemove':
        if (removal) launcher.removals.splice(launcher.removals.indexOf(removal), 1)
        removal?.reject(new Error('cannot remove'))
        break
      case 'resize':
        this.#resize(pick % 4, pick)
        break
      case 'resizeBetween':
        this.#resize({ min: pick % 3, max: (pick % 3) + 3 }, pick)
        break
      case 'time':
        vi.advanceTimersByTime(pick * 4)
        break
    }
    return microtasks > 8 ? this.check() : flushMicrotasks(microtasks)
  }

  #setResponsive(pick: number, value: boolean): void {
    const container = choose([...this.launcher.alive.values()], pick)
    if (container) container.isResponsive = value
  }

  #resize(size: number | SizeBounds, pick: number): void {
    this.size = boundsOf(size)
    this.max = Math.max(1, this.size.max + (pick % 3))
    this.pool.resize(size, this.max)
  }

  /** Checks the invariants that hold after all queued microtasks have run. */
  async check(): Promise<void> {
    await flushMicrotasks()
    expect(this.#violations).toEqual([])
    const { size, idle, leased, starting, recycling, waiting, ready } = this.pool.stats()
    expect(size, 'the size is below its minimum').toBeGreaterThanOrEqual(this.size.min)
    expect(size, 'the size is above its maximum').toBeLessThanOrEqual(this.size.max)
    const counts = [idle, leased, starting, recycling, waiting]
    expect(Math.min(...counts), `a count is negative: ${counts.join()}`).toBeGreaterThanOrEqual(0)
    const alive = [...this.launcher.alive.values()].filter((container) => container !== undefined)
    const unresponsive = alive.filter(({ isResponsive }) => !isResponsive)
    const isInPool = ({ name }: FakeContainer) => this.pool.isRunning(name)
    expect(ready, 'ready').toBe(idle + leased - unresponsive.filter(isInPool).length)
    expect(idle + leased + starting + recycling, 'counted').toBe(this.launcher.alive.size)
    expect(leased, 'leases').toBe(this.leases.size)
    expect(new Set(this.launcher.names).size, 'names').toBe(this.launcher.names.length)
    expect(this.callers.filter(({ state }) => state === 'waiting').length).toBe(waiting)
    for (const at of this.#newlyGranted) {
      const isBefore = ({ tenant, state }: Caller) =>
        state === 'waiting' && tenant === this.callers[at]?.tenant
      expect(this.callers.slice(0, at).some(isBefore), 'first in, first out').toBe(false)
    }
    this.#newlyGranted = []
    for (const { settled } of this.callers) expect(settled).toBeLessThanOrEqual(1)
    this.#checkTenants()
  }

  #checkTenants(): void {
    const { idle, tenants } = this.pool.stats()
    const holders = Array.from(this.leases.values(), (lease) => this.#tenants.get(lease))
    const waiting = this.callers.flatMap((caller) => (caller.state === 'waiting' ? [caller] : []))
    const present = new Set([...holders, ...waiting.map(({ tenant }) => tenant)])
    present.delete(undefined)
    expect(tenants, 'tenants').toBe(present.size)
    for (const tenant of TENANTS) {
      const held = holders.filter((holder) => holder === tenant).length
      const isWaiting = waiting.some((caller) => caller.tenant === tenant)
      const bound = tenant === undefined ? Infinity : MAX_PER_TENANT
      expect(held, 'leases of a tenant').toBeLessThanOrEqual(bound)
      const isServed = !isWaiting || held === bound || idle === 0
      expect(isServed, 'a container is idle while a caller could get it').toBe(true)
    }
  }

  /** Makes all launches and removals work, releases all leases and lets time pass. */
  async recover(): Promise<void> {
    this.launcher.recover()
    for (let round = 0; round < 8; round++) {
      for (const lease of this.leases.values()) lease.end('released')
      vi.advanceTimersByTime(5000)
      await this.check()
    }
  }
}

function choose<T>(from: readonly T[], pick: number): T | undefined {
  return from[pick % from.length]
}
