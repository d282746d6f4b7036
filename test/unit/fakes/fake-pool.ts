import type { Lease } from '../../../src/pool/lease.js'
import type { Pooled, PoolEvent, PoolOptions } from '../../../src/pool/types.js'
import { Pool } from '../../../src/pool/pool.js'
import type { Deferred } from '../../../src/util/deferred.js'
import { deferred } from '../../../src/util/deferred.js'

/** A container that is a plain object; it lives from the launch call until its removal settles. */
export interface FakeContainer extends Pooled {
  removals: number
  isResponsive: boolean
  crash(): void
}

/** How fakes behave until told otherwise; `manual` waits in a list for the test. */
export type Mode = 'works' | 'fails' | 'manual'

/** Launches containers that are plain objects, and counts what really lives. */
export class FakeLauncher {
  launchMode: Mode = 'works'
  removeMode: Mode = 'works'
  launchError: Error = new Error('no engine')
  readonly names: string[] = []
  readonly launches: { name: string; signal: AbortSignal; answer: Deferred<void> }[] = []
  readonly removals: Deferred<void>[] = []
  readonly alive = new Map<string, FakeContainer | undefined>()
  /** Called when a launch begins. */
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

  /** The container of a name, which must live. */
  get(name: string): FakeContainer {
    const container = this.alive.get(name)
    if (!container) throw new Error(`${name} is not alive`)
    return container
  }

  /** Every launch and removal that waits for the test is answered, and none waits again. */
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

/** A pool over a fake launcher, with what happened in it. */
export function fakePool(options: Partial<PoolOptions<FakeContainer>> = {}) {
  const fake = new FakeLauncher()
  const events: PoolEvent[] = []
  const pool = new Pool<FakeContainer>({
    language: 'python',
    size: 1,
    max: 2,
    maxWaiting: 10,
    leaseTtlMs: 300_000,
    suffix: 'f00d42',
    launch: fake.launch,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { fake, pool, events, types: () => events.map(({ type }) => type) }
}

export type FakePool = Pool<FakeContainer>
export type FakeLease = Lease<FakeContainer>

/** Lets everything that is already settled be noticed. */
export async function settle(ticks = 30): Promise<void> {
  for (let left = ticks; left > 0; left--) await Promise.resolve()
}

/** Whether a promise has settled, and how: `pending`, or its value or error. */
export async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([promise.catch((error: unknown) => error), settle(40).then(() => 'pending')])
}
