import * as fc from 'fast-check'
import { expect, vi } from 'vitest'
import type { AcquireOptions } from '../../../src/pool/types.js'
import type { SizeBounds } from '../../../src/pool/warm-size.js'
import { boundsOf } from '../../../src/pool/warm-size.js'
import type { FakeContainer, FakeLauncher, FakeLease, FakePool } from '../fakes/fake-pool.js'
import { fakePool, settle } from '../fakes/fake-pool.js'

const OPS = [
  'acquire',
  'acquire',
  'acquireImpatient',
  'acquireAbortable',
  'abort',
  'use',
  'release',
  'release',
  'endBadly',
  'crash',
  'crashLeased',
  'goSilent',
  'answerAgain',
  'launchWorks',
  'launchFails',
  'launchSlow',
  'answerLaunch',
  'answerLaunch',
  'failLaunch',
  'removeWorks',
  'removeFails',
  'removeSlow',
  'answerRemove',
  'failRemove',
  'resize',
  'resizeBetween',
  'time',
  'time',
] as const

interface Step {
  op: (typeof OPS)[number]
  /** Picks which waiter, lease or container, or how long. */
  pick: number
  /** How many microtasks run before the next step; 0 is none, above 8 is all. */
  ticks: number
}

/** What may happen to a pool, in any order. */
export const Steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ op: fc.constantFrom(...OPS), pick: fc.nat(999), ticks: fc.nat(14) }),
  { minLength: 5, maxLength: 60, size: 'max' },
)

interface Caller {
  state: 'waiting' | 'granted' | 'rejected'
  abort?: AbortController
  settled: number
}

/** Drives one pool, and checks what must hold as it goes. */
export class World {
  readonly fake: FakeLauncher
  readonly pool: FakePool
  readonly callers: Caller[] = []
  readonly held = new Map<FakeContainer, FakeLease>()
  readonly used = new Set<FakeContainer>()
  readonly #eventsOpen = new Map<string, number>()
  readonly #broken: string[] = []
  #grantedNow: number[] = []
  size: SizeBounds
  max: number

  constructor(size: number | SizeBounds, max: number) {
    this.size = boundsOf(size)
    this.max = max
    const { fake, pool } = fakePool({
      size,
      max,
      maxWaiting: 4,
      leaseTtlMs: 3000,
      onEvent: ({ type, name }) => {
        if (type === 'acquired') this.#open(name, 1)
        if (type === 'ended') this.#open(name, -1)
      },
    })
    this.fake = fake
    this.pool = pool
    fake.onLaunch = () => {
      this.#must(fake.alive.size <= this.max, `${fake.alive.size} live, at most ${this.max} may`)
    }
  }

  #open(name: string, change: number): void {
    const open = (this.#eventsOpen.get(name) ?? 0) + change
    this.#must(open === 0 || open === 1, `${name} is told to be lent or ended twice`)
    this.#eventsOpen.set(name, open)
  }

  /** Noted here and looked at by `check`: the pool would take what is thrown at it for its own. */
  #must(holds: boolean, rule: string): void {
    if (!holds) this.#broken.push(rule)
  }

  async acquire(options: AcquireOptions, abort?: AbortController): Promise<void> {
    const caller: Caller = { state: 'waiting', settled: 0, ...(abort && { abort }) }
    const at = this.callers.push(caller) - 1
    try {
      const lease = await this.pool.acquire(options)
      caller.state = 'granted'
      this.#grantedNow.push(at)
      if (!lease.ended) this.#hold(lease)
    } catch {
      caller.state = 'rejected'
    }
    caller.settled++
  }

  #hold(lease: FakeLease): void {
    const { container } = lease
    this.#must(!this.held.has(container), `${container.name} is lent to two`)
    this.#must(!this.used.has(container), `${container.name} is lent after use`)
    this.held.set(container, lease)
    lease.signal.addEventListener('abort', () => {
      this.#must(this.held.get(container) === lease, `${container.name} ended twice`)
      if (lease.isUsed) this.used.add(container)
      this.held.delete(container)
    })
  }

  step({ op, pick, ticks }: Step): Promise<void> {
    const { fake } = this
    const lease = choose([...this.held.values()], pick)
    const launch = choose(fake.launches, pick)
    const removal = choose(fake.removals, pick)
    switch (op) {
      case 'acquire':
        void this.acquire({})
        break
      case 'acquireImpatient':
        void this.acquire({ timeoutMs: pick })
        break
      case 'acquireAbortable': {
        const abort = new AbortController()
        void this.acquire({ signal: abort.signal }, abort)
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
        choose([...fake.alive.values()], pick)?.crash()
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
        fake.launchMode = 'works'
        break
      case 'launchFails':
        fake.launchMode = 'fails'
        break
      case 'launchSlow':
        fake.launchMode = 'manual'
        break
      case 'answerLaunch':
        if (launch) fake.launches.splice(fake.launches.indexOf(launch), 1)
        launch?.answer.resolve()
        break
      case 'failLaunch':
        if (launch) fake.launches.splice(fake.launches.indexOf(launch), 1)
        launch?.answer.reject(new Error('died on the way'))
        break
      case 'removeWorks':
        fake.removeMode = 'works'
        break
      case 'removeFails':
        fake.removeMode = 'fails'
        break
      case 'removeSlow':
        fake.removeMode = 'manual'
        break
      case 'answerRemove':
        if (removal) fake.removals.splice(fake.removals.indexOf(removal), 1)
        removal?.resolve()
        break
      case 'failRemove':
        if (removal) fake.removals.splice(fake.removals.indexOf(removal), 1)
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
    return ticks > 8 ? this.check() : settle(ticks)
  }

  #setResponsive(pick: number, value: boolean): void {
    const container = choose([...this.fake.alive.values()], pick)
    if (container) container.isResponsive = value
  }

  #resize(size: number | SizeBounds, pick: number): void {
    this.size = boundsOf(size)
    this.max = Math.max(1, this.size.max + (pick % 3))
    this.pool.resize(size, this.max)
  }

  /** What holds whenever everything that happened has been noticed. */
  async check(): Promise<void> {
    await settle()
    expect(this.#broken).toEqual([])
    const { size, idle, leased, starting, recycling, waiting, ready } = this.pool.stats()
    expect(size, 'less warm than the least').toBeGreaterThanOrEqual(this.size.min)
    expect(size, 'more warm than the most').toBeLessThanOrEqual(this.size.max)
    const counts = [idle, leased, starting, recycling, waiting]
    expect(Math.min(...counts), `negative: ${counts.join()}`).toBeGreaterThanOrEqual(0)
    const alive = [...this.fake.alive.values()].filter((container) => container !== undefined)
    const silent = alive.filter(({ isResponsive }) => !isResponsive)
    const serving = ({ name }: FakeContainer) => this.pool.isRunning(name)
    expect(ready, 'ready').toBe(idle + leased - silent.filter(serving).length)
    expect(idle + leased + starting + recycling, 'counted').toBe(this.fake.alive.size)
    expect(leased, 'leases').toBe(this.held.size)
    expect(new Set(this.fake.names).size, 'names').toBe(this.fake.names.length)
    expect(waiting === 0 || idle === 0, 'idle while one waits').toBe(true)
    const patient = this.callers.findIndex(({ state }) => state === 'waiting')
    expect(this.callers.filter(({ state }) => state === 'waiting').length).toBe(waiting)
    for (const at of this.#grantedNow) {
      expect(patient === -1 || at < patient, 'not first come, first served').toBe(true)
    }
    this.#grantedNow = []
    for (const { settled } of this.callers) expect(settled).toBeLessThanOrEqual(1)
  }

  /** Everything works again, every lease is given back, time passes. */
  async recover(): Promise<void> {
    this.fake.recover()
    for (let round = 0; round < 8; round++) {
      for (const lease of this.held.values()) lease.end('released')
      vi.advanceTimersByTime(5000)
      await this.check()
    }
  }
}

function choose<T>(from: readonly T[], pick: number): T | undefined {
  return from[pick % from.length]
}
