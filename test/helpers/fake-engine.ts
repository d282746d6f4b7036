import type { Engine, Runtime } from '../../src/engine/engine.js'

export const SHARED_KERNEL: Runtime = { name: 'shared', hasOwnKernel: false }
export const OWN_KERNEL: Runtime = { name: 'own', hasOwnKernel: true }

/** An engine that has each image and launches no container, with the changes of the test. */
export function fakeEngine(changes: Partial<Engine> = {}): Engine {
  return {
    address: 'fake',
    advice: { strongerRuntime: 'own kernel', howToGetRuntime: 'Install one' },
    runtimes: () => Promise.resolve([OWN_KERNEL]),
    findImage: ([image]) => Promise.resolve(image),
    launch: () => Promise.reject(new Error('the fake engine launches no container')),
    sweep: () => Promise.resolve(0),
    close: () => {},
    ...changes,
  }
}
