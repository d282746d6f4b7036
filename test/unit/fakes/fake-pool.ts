import type { Lease } from '../../../src/pool/lease.js'
import type { Pooled, PoolEvent, PoolOptions } from '../../../src/pool/types.js'
import { Pool } from '../../../src/pool/pool.js'
import type { Deferred } from '../../../src/util/deferred.js'
import { deferred } from '../../../src/util/deferred.js'

/** A container that is a plain object. It exists from its launch until its removal settles. */
export interface FakeContainer extends Pooled {
  removals: number
  isResponsive: boolean
  crash(): void
}

/** The behaviour of a launch or a removal. With `manual` it waits in a list for the test. */
export type Mode = 'works' | 'fails' | 'manual'

/** Launches containers that are plain objects, and keeps those that exist. */
export class FakeLauncher {
  launchMode: Mode = 'works'
  removeMode: Mode = 'works'
  launchError: Error = new Error('no engine')
  /** The age at which a container must be replaced. */
  retireAfterMs: number | undefined
  readonly names: string[] = []
  readonly launches: { name: string; signal: AbortSignal; answer: Deferred<void> }[] = []
  readonly removals: Deferred<void>[] = []
  readonly alive = new Map<string, FakeContainer | undefined>()
  /** Runs when a launch begins. */
  onLaunch = (): void => {}

  readonly launch = async (name: string, signal: AbortSignal): Promise<FakeContainer> => {
    this.names.push(name)
    this.alive.set(name, undefined)
    this.onLaunch()
    try {
      if (this.launchMode === 'fails') throw this.launchError
      if (this.launchMode === 'manual') {
        const answer = deferred<void>()
        this.launches.push({ name, signal, answer })
        await answer.promise
      }
    } catch (error) {
      this.alive.delete(name)
      throw error
    }
    const container = this.#make(name)
    this.alive.set(name, container)
    return container
  }

  /** Returns the container of a name. Throws if it does not exist. */
  get(name: string): FakeContainer {
    const container = this.alive.get(name)
    if (!container) throw new Error(`${name} is not alive`)
    return container
  }

  /** Answers each launch and removal that waits for the test. From now on none waits. */
  recover(): void {
    this.launchMode = 'works'
    this.removeMode = 'works'
    for (const { answer } of this.launches.splice(0)) answer.resolve()
    for (const removal of this.removals.splice(0)) removal.resolve()
  }

  #make(name: string): FakeContainer {
    const exited = deferred<void>()
    const container: FakeContainer = {
      name,
      exited: exited.promise,
      removals: 0,
      isResponsive: true,
      retireAfterMs: this.retireAfterMs,
      crash: () => exited.resolve(),
      remove: async () => {
        container.removals++
        exited.resolve()
        try {
          if (this.removeMode === 'fails') throw new Error('cannot remove')
          if (this.removeMode === 'manual') {
            const answer = deferred<void>()
            this.removals.push(answer)
            await answer.promise
          }
        } finally {
          this.alive.delete(name)
        }
      },
    }
    return container
  }
}

/** Creates a pool with a fake launcher. `events` has the events of the pool. */
export function fakePool(options: Partial<PoolOptions<FakeContainer>> = {}) {
  const launcher = new FakeLauncher()
  const events: PoolEvent[] = []
  const pool = new Pool<FakeContainer>({
    language: 'python',
    size: 1,
    max: 2,
    maxWaiting: 10,
    leaseTtlMs: 300_000,
    suffix: 'f00d42',
    launch: launcher.launch,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { launcher, pool, events, types: () => events.map(({ type }) => type) }
}

export type FakePool = Pool<FakeContainer>
export type FakeLease = Lease<FakeContainer>

/** Runs this number of microtasks, so that settled promises reach the code that awaits them. */
export async function flushMicrotasks(count = 30): Promise<void> {
  for (let left = count; left > 0; left--) await Promise.resolve()
}

/** Returns the value or the error of a promise when it settles. */
export async function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error)
}

/** Returns the value or the error of a promise, or `pending` if it has not settled. */
export async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    promise.catch((error: unknown) => error),
    flushMicrotasks(40).then(() => 'pending'),
  ])
}
