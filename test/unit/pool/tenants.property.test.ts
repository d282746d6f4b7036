import * as fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import type { FakeLease, FakePool } from '../fakes/fake-pool.js'
import { fakePool, flushMicrotasks } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

const MAX_PER_TENANT = 2

/** The tenant `greedy` has most of the callers. The others are two tenants and no tenant. */
const Tenant = fc.oneof(
  { arbitrary: fc.constant('greedy'), weight: 5 },
  { arbitrary: fc.constantFrom('a', 'b', undefined), weight: 2 },
)
const Step = fc.oneof(
  fc.record({ op: fc.constant('acquire' as const), tenant: Tenant, leavesAfterMs: fc.nat(4000) }),
  fc.record({ op: fc.constant('release' as const), pick: fc.nat(999) }),
  fc.record({ op: fc.constant('abort' as const), pick: fc.nat(999) }),
  fc.record({ op: fc.constant('time' as const), ms: fc.nat(300) }),
)

interface Party {
  waiting: number
  held: number
  /** The leases of each other tenant since this tenant could get a container. */
  overtakenBy: Map<Party, number>
}

/** Counts how often each tenant gets a container while another tenant waits for one. */
class Round {
  readonly leases: FakeLease[] = []
  readonly aborts = new Set<AbortController>()
  readonly #parties = new Map<string | undefined, Party>()
  open = 0
  /** The most leases that a tenant has got while another tenant could get one. */
  mostOvertakes = 0

  constructor(readonly pool: FakePool) {}

  async acquire(tenant: string | undefined, timeoutMs: number): Promise<void> {
    const party = this.#partyOf(tenant)
    const abort = new AbortController()
    this.open++
    this.aborts.add(abort)
    if (party.waiting++ === 0) party.overtakenBy.clear()
    try {
      const lease = await this.pool.acquire({ tenant, timeoutMs, signal: abort.signal })
      this.#serve(party)
      this.leases.push(lease)
      lease.signal.addEventListener('abort', () => party.held--)
    } catch {
      // The caller has left the queue.
    } finally {
      this.open--
      party.waiting--
      this.aborts.delete(abort)
    }
  }

  #partyOf(tenant: string | undefined): Party {
    const party = this.#parties.get(tenant) ?? { waiting: 0, held: 0, overtakenBy: new Map() }
    this.#parties.set(tenant, party)
    return party
  }

  #serve(party: Party): void {
    for (const [tenant, other] of this.#parties) {
      const isServable = other.waiting > 0 && (tenant === undefined || other.held < MAX_PER_TENANT)
      if (other === party || !isServable) other.overtakenBy.clear()
      else {
        const overtakes = (other.overtakenBy.get(party) ?? 0) + 1
        other.overtakenBy.set(party, overtakes)
        this.mostOvertakes = Math.max(this.mostOvertakes, overtakes)
      }
    }
    party.held++
  }
}

useFakeTime()

it('a tenant gets at most one container while another tenant waits for one, and no caller is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(Step, { minLength: 20, maxLength: 120, size: 'max' }),
      async (size, steps) => {
        vi.clearAllTimers()
        const { pool } = fakePool({
          size,
          max: size,
          maxWaiting: 1000,
          maxPerTenant: MAX_PER_TENANT,
        })
        await pool.start()
        const round = new Round(pool)
        for (const step of steps) {
          if (step.op === 'acquire') void round.acquire(step.tenant, step.leavesAfterMs)
          else if (step.op === 'time') advanceTime(step.ms)
          else if (step.op === 'abort') [...round.aborts][step.pick]?.abort()
          else round.leases.splice(step.pick % (round.leases.length || 1), 1)[0]?.end('released')
          await flushMicrotasks()
          expect(round.mostOvertakes).toBeLessThanOrEqual(1)
        }
        for (let lease = round.leases.pop(); lease; lease = round.leases.pop()) {
          lease.end('released')
          await flushMicrotasks()
        }
        expect(round.mostOvertakes).toBeLessThanOrEqual(1)
        expect(round.open, 'callers that were not settled').toBe(0)
        expect(pool.stats()).toMatchObject({ idle: size, leased: 0, waiting: 0, tenants: 0 })
        await pool.close()
      },
    ),
    cases(600),
  )
}, 60_000)
