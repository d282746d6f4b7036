import { LinkedSet } from '../util/linked-set.js'
import type { TenantBounds, Waiting } from './tenant.js'
import { Callers, Tenant } from './tenant.js'

/** The bounds of the callers without a tenant. */
const UNBOUND: TenantBounds = { leases: Infinity, waiting: Infinity }

interface WaitQueueOptions {
  /** The greatest number of callers of all tenants. */
  maxWaiting: number
  maxPerTenant?: number | undefined
  maxWaitingPerTenant?: number | undefined
}

/**
 * The queue of one language. The tenants get containers in a round, each one container at a time,
 * and the callers of one tenant in first-in, first-out order. A tenant is in the round while one of
 * its callers can get a container: a tenant with as many leases as it may hold leaves the round, and
 * joins it at its end when a lease has ended. The callers without a tenant have one place together.
 *
 * Each operation takes a constant time. A tenant without leases and callers leaves no trace.
 */
export class WaitQueue<C extends Waiting> {
  readonly #maxWaiting: number
  readonly #bounds: TenantBounds
  readonly #tenants = new Map<string | undefined, Tenant<C>>()
  readonly #round = new LinkedSet<Tenant<C>>()
  /** The callers of all tenants. */
  readonly callers = new Callers<C>()
  #servable = 0

  constructor({ maxWaiting, maxPerTenant, maxWaitingPerTenant }: WaitQueueOptions) {
    this.#maxWaiting = maxWaiting
    this.#bounds = { leases: maxPerTenant ?? Infinity, waiting: maxWaitingPerTenant ?? Infinity }
  }

  /** The number of tenants with leases or callers, without the callers that have no tenant. */
  get tenants(): number {
    return this.#tenants.size - Number(this.#tenants.has(undefined))
  }

  /** The number of tenants in the round. */
  get competing(): number {
    return this.#round.size
  }

  /** The number of callers that can get a container before a further lease ends. */
  get servable(): number {
    return this.#servable
  }

  /** The caller that gets the next container; `undefined` if no caller can get one. */
  get next(): C | undefined {
    return this.#round.first?.callers.first
  }

  /** Returns the tenant of a key. It is in the queue from its first lease or caller. */
  tenant(key: string | undefined): Tenant<C> {
    return this.#tenants.get(key) ?? new Tenant(key, key === undefined ? UNBOUND : this.#bounds)
  }

  /** Returns whether a further caller of this tenant may not wait. */
  isFull(tenant: Tenant<C>): boolean {
    return tenant.isQueueFull || this.callers.size >= this.#maxWaiting
  }

  add(tenant: Tenant<C>, caller: C): void {
    this.#change(tenant, () => {
      this.callers.add(caller)
      tenant.callers.add(caller)
    })
  }

  remove(tenant: Tenant<C>, caller: C): void {
    this.#change(tenant, () => {
      this.callers.delete(caller)
      tenant.callers.delete(caller)
    })
  }

  /** Counts a lease that begins. The tenant gets its next container after the other tenants. */
  leaseBegan(tenant: Tenant<C>): void {
    this.#round.delete(tenant)
    this.#change(tenant, () => tenant.leased++)
  }

  /** Counts a lease that ended. */
  leaseEnded(tenant: Tenant<C>): void {
    this.#change(tenant, () => tenant.leased--)
  }

  /** Changes a tenant and all that depends on its state. */
  #change(tenant: Tenant<C>, change: () => void): void {
    this.#servable -= tenant.servable
    change()
    this.#servable += tenant.servable
    if (tenant.servable > 0) this.#round.add(tenant)
    else this.#round.delete(tenant)
    if (tenant.leased + tenant.callers.size > 0) this.#tenants.set(tenant.key, tenant)
    else this.#tenants.delete(tenant.key)
  }
}
