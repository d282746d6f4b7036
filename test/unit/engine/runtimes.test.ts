import { describe, expect, it, onTestFinished } from 'vitest'
import { createDockerEngine } from '../../../src/index.js'
import { fakeDocker } from '../../helpers/fake-docker.js'

/** What the engine port gives if Docker lists these runtimes. */
async function runtimesOf(names: readonly string[]) {
  const Runtimes = Object.fromEntries(names.map((name) => [name, { path: name }]))
  const { address } = await fakeDocker(() => ({ body: { Runtimes } }))
  const engine = createDockerEngine({ address, timeoutMs: 1000 })
  onTestFinished(() => engine.close())
  return engine.runtimes()
}

describe("Docker's runtimes", () => {
  it('begin with gVisor, then runc, and leave out the full names of containerd', async () => {
    const listed = ['crun', 'io.containerd.runc.v2', 'kata', 'runc', 'runsc', 'runsc-kvm']
    expect(await runtimesOf(listed)).toEqual([
      { name: 'runsc', hasOwnKernel: true },
      { name: 'runc', hasOwnKernel: false },
      { name: 'crun', hasOwnKernel: false },
      { name: 'kata', hasOwnKernel: false },
      { name: 'runsc-kvm', hasOwnKernel: true },
    ])
  })

  it('begin with runc if gVisor has another name alone, which the operator must choose', async () => {
    expect((await runtimesOf(['runc', 'runsc-kvm']))[0]).toEqual({
      name: 'runc',
      hasOwnKernel: false,
    })
  })
})
