import { describe, expect, it, onTestFinished } from 'vitest'
import { createDockerEngine } from '../../../src/index.js'
import { fakeDocker } from '../../helpers/fake-docker.js'

/** Returns the runtimes of the engine port if Docker lists these runtimes. */
async function runtimesOf(names: readonly string[]) {
  const Runtimes = Object.fromEntries(names.map((name) => [name, { path: name }]))
  const { address } = await fakeDocker(() => ({ body: { Runtimes } }))
  const engine = createDockerEngine({ address, timeoutMs: 1000 })
  onTestFinished(() => engine.close())
  return engine.runtimes()
}

describe('the runtimes of the Docker engine', () => {
  it('begin with runsc and runc, and leave out the full names of containerd', async () => {
    const listed = ['crun', 'io.containerd.runc.v2', 'kata', 'runc', 'runsc', 'runsc-kvm']
    expect(await runtimesOf(listed)).toEqual([
      { name: 'runsc', hasOwnKernel: true },
      { name: 'runc', hasOwnKernel: false },
      { name: 'crun', hasOwnKernel: false },
      { name: 'kata', hasOwnKernel: false },
      { name: 'runsc-kvm', hasOwnKernel: true },
    ])
  })

  it('begin with runc if gVisor has only another name, which the operator must choose', async () => {
    expect((await runtimesOf(['runc', 'runsc-kvm']))[0]).toEqual({
      name: 'runc',
      hasOwnKernel: false,
    })
  })
})
