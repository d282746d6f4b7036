import type { Backoff } from './backoff.js'
import type { SandboxErrorCode } from '../errors.js'
import { SandboxError } from '../errors.js'
import type { Steps } from './retry-times.js'
import { RetryTimes, slotMs, tenantSlotMs } from './retry-times.js'
import type { Tenant, Waiting } from './tenant.js'
import type { PoolStats } from './types.js'
import type { WaitQueue } from './wait-queue.js'

/**
 * The number of failed launches in a row after which new callers are refused, if the pool has no
 * container. Before that they wait in the queue.
 */
const UNAVAILABLE_AFTER = 3
/** The errors that a retry cannot fix. New callers are refused after the first of them. */
const PERMANENT: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_ENGINE_UNAVAILABLE',
  'SANDBOX_IMAGE_MISSING',
  'SANDBOX_INTERPRETER_MISSING',
  'SANDBOX_PRELOAD_FAILED',
  'SANDBOX_RUNTIME_MISSING',
])

interface AcquireErrorsOptions {
  language: string
  queue: WaitQueue<Waiting>
  backoff: Backoff
  steps: Steps
  /** The number of places for leases with a time to live. */
  places: () => number
  /** The number of leases with a time to live. Other leases, those of sessions, do not end soon. */
  limited: () => number
  stats: () => PoolStats
}

/**
 * Creates the errors of callers that get no container. A refused caller whose tenant has reached one
 * of its own bounds gets `SANDBOX_TENANT_LIMIT`. No message contains the key of a tenant, because
 * the key may be a secret.
 */
export class AcquireErrors {
  readonly #options: AcquireErrorsOptions
  readonly #retryTimes = new RetryTimes()

  constructor(options: AcquireErrorsOptions) {
    this.#options = options
  }

  /** The error of a caller that may not wait. */
  queueFull(tenant: Tenant<Waiting>): SandboxError {
    const { language } = this.#options
    if (tenant.isQueueFull || tenant.isAtBound) {
      const problem = `the queue for ${language} sandboxes has no place for this caller`
      return this.#tenantLimit(tenant, problem)
    }
    const message = `the queue for ${language} sandboxes is full: ${this.#describePool()}`
    return new SandboxError('SANDBOX_QUEUE_FULL', message, { retryAfterMs: this.#retryAfterMs() })
  }

  /** The error of a caller that has left the queue at its deadline. */
  timedOut(tenant: Tenant<Waiting>, timeoutMs: number): SandboxError {
    const { language, backoff } = this.#options
    const problem = `no ${language} sandbox became free within ${timeoutMs} ms`
    if (tenant.isAtBound) return this.#tenantLimit(tenant, problem)
    return new SandboxError('SANDBOX_ACQUIRE_TIMEOUT', `${problem}: ${this.#describePool()}`, {
      cause: backoff.lastError,
      retryAfterMs: this.#retryAfterMs(),
    })
  }

  aborted(cause: unknown): SandboxError {
    const message = `the wait for a ${this.#options.language} sandbox was aborted`
    return new SandboxError('SANDBOX_ACQUIRE_ABORTED', message, { cause })
  }

  closed(): SandboxError {
    return new SandboxError('SANDBOX_CLOSED', `the ${this.#options.language} pool is closed`)
  }

  /**
   * Returns the error of a caller that would wait in vain, because the pool has no container and
   * launches fail. Returns `undefined` if waiting makes sense.
   */
  unavailable(): SandboxError | undefined {
    const { lastError, failures, delayMs, isWaiting } = this.#options.backoff
    if (!lastError || (failures < UNAVAILABLE_AFTER && !PERMANENT.has(lastError.code)))
      return undefined
    const { idle, starting } = this.#options.stats()
    // If no launch runs and no pause does, the pause is over: this caller starts the next launch.
    // This happens in a pool whose warm size is 0.
    if (idle + this.#options.limited() > 0 || (starting === 0 && !isWaiting)) return undefined
    return new SandboxError(
      lastError.code,
      `no ${this.#options.language} sandbox is available: ${lastError.message}`,
      { cause: lastError, retryAfterMs: delayMs },
    )
  }

  #tenantLimit(tenant: Tenant<Waiting>, problem: string): SandboxError {
    const { leased, bounds, callers } = tenant
    const held = Number.isFinite(bounds.leases) ? `${leased} of its ${bounds.leases}` : `${leased}`
    const state = `this tenant holds ${held} sandboxes, ${callers.size} of its callers are waiting`
    return new SandboxError('SANDBOX_TENANT_LIMIT', `${problem}: ${state}`, {
      retryAfterMs: this.#tenantRetryAfterMs(tenant),
    })
  }

  #describePool(): string {
    const { leased, max, starting, recycling, waiting } = this.#options.stats()
    const removals = recycling > 0 ? `${recycling} recycling, ` : ''
    return `${leased} of ${max} leased, ${starting} starting, ${removals}${waiting} waiting`
  }

  #retryAfterMs(): number {
    const { steps, places, queue } = this.#options
    return this.#retryTimes.next(slotMs(steps, places()), queue.callers)
  }

  /** The tenant waits for its own leases, and for its part of the pool. */
  #tenantRetryAfterMs({ bounds, retryTimes, callers }: Tenant<Waiting>): number {
    const { steps, places, queue } = this.#options
    const partMs = slotMs(steps, places()) * Math.max(1, queue.competing)
    return retryTimes.next(Math.max(tenantSlotMs(steps, bounds.leases), partMs), callers)
  }
}
