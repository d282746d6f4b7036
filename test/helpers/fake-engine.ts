import type { Engine, Runtime } from '../../src/engine/engine.js'

export const SHARED_KERNEL: Runtime = { name: 'shared', hasOwnKernel: false }
export const OWN_KERNEL: Runtime = { name: 'own', hasOwnKernel: true }

/** An engine that has every image and launches nothing, with what the test changes of it. */
export function fakeEngine(changes: Partial<Engine> = {}): Engine {
  return {
    address: 'fake',
    advice: { strongerRuntime: 'own kernel', howToGetRuntime: 'Install one' },
    runtimes: () => Promise.resolve([OWN_KERNEL]),
    findImage: ([image]) => Promise.resolve(image),
    launch: () => Promise.reject(new Error('no test launches')),
    sweep: () => Promise.resolve(0),
    close: () => {},
    ...changes,
  }
}
