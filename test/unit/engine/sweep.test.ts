import { describe, expect, it, onTestFinished } from 'vitest'
import { OWNER_LABEL } from '../../../src/engine/docker/labels.js'
import type { SweepOptions } from '../../../src/engine/engine.js'
import { createDockerEngine } from '../../../src/index.js'
import type { FakeAnswer } from '../../helpers/fake-docker.js'
import { fakeDocker } from '../../helpers/fake-docker.js'
import { specOf } from '../../helpers/launch-spec.js'

/** The clock of the engine, which differs from the clock of this machine. */
const NOW_S = Date.parse('2001-02-03T04:05:06Z') / 1000
const OURS: SweepOptions = { owner: 'ours', isLaunching: () => false }

interface Listed {
  Id: string
  Created: number
  Names: string[]
  State: string
  Labels: Record<string, string>
}

function listed(id: string, owner: string, about: Partial<Listed> = {}): Listed {
  const Labels = { [OWNER_LABEL]: owner }
  return { Id: id, Names: [`/${id}`], Created: NOW_S - 5, State: 'created', Labels, ...about }
}

/** Creates an engine with containers. `removed` returns the paths of the removals. */
async function engineWith(
  containers: Listed[],
  answerTo: (call: string) => FakeAnswer | undefined = () => undefined,
) {
  const { address, calls } = await fakeDocker((call) => {
    const answer = answerTo(call)
    if (answer) return answer
    if (call.includes('/info')) return { body: { SystemTime: '2001-02-03T04:05:06.123456789Z' } }
    if (call.includes('/json?')) return { body: containers }
    return call.startsWith('DELETE') ? { status: 204, body: '' } : { body: {} }
  })
  const engine = createDockerEngine({ address, timeoutMs: 1000 })
  onTestFinished(() => engine.close())
  const removed = () =>
    calls.filter((call) => call.startsWith('DELETE')).map((call) => call.slice(7))
  return { engine, calls, removed }
}

describe('a sweep', () => {
  it('lists containers that do not run, and removes them without force', async () => {
    const { engine, calls } = await engineWith([listed('one', 'ours')])
    expect(await engine.sweep(OURS)).toBe(1)
    const list = calls.find((call) => call.includes('/containers/json')) ?? ''
    const filters: unknown = JSON.parse(
      new URL(list.slice(4), 'http://x').searchParams.get('filters') ?? '',
    )
    expect(filters).toEqual({ label: [OWNER_LABEL], status: ['created', 'exited', 'dead'] })
    expect(calls.at(-1)).toMatch(/^DELETE \/containers\/one\?v=true$/)
  })

  it('removes containers of other owners that are a minute old by the clock of the engine', async () => {
    const { engine, removed } = await engineWith([
      listed('young', 'other', { Created: NOW_S - 50 }),
      listed('old', 'other', { Created: NOW_S - 70 }),
      listed('exited', 'other', { Created: NOW_S - 70, State: 'exited' }),
    ])
    expect(await engine.sweep(OURS)).toBe(2)
    expect(removed().sort()).toEqual(['/containers/exited?v=true', '/containers/old?v=true'])
  })

  it('removes its own containers of any age, except launches in progress', async () => {
    const { engine, removed } = await engineWith([
      listed('stray', 'ours'),
      listed('launching', 'ours', { Created: NOW_S - 70 }),
      listed('leaving', 'ours', { State: 'exited' }),
    ])
    const isLaunching = (name: string) => name === 'launching'
    expect(await engine.sweep({ owner: 'ours', isLaunching })).toBe(1)
    expect(removed()).toEqual(['/containers/stray?v=true'])
  })

  it('checks for launches in progress after it has the list', async () => {
    const names = new Set<string>()
    const { engine, removed } = await engineWith([listed('begun', 'ours')], (call) => {
      if (call.includes('/json?')) names.add('begun')
      return undefined
    })
    await engine.sweep({ owner: 'ours', isLaunching: (name) => names.has(name) })
    expect(removed()).toEqual([])
  })

  it('removes no container of other owners if the engine does not return its time', async () => {
    const { engine } = await engineWith([listed('old', 'other', { Created: 1 })], (call) =>
      call.includes('/info') ? { body: {} } : undefined,
    )
    expect(await engine.sweep(OURS)).toBe(0)
  })

  it('continues if a container has been started in the meantime', async () => {
    const containers = [listed('started', 'ours'), listed('stray', 'ours')]
    const { engine, removed } = await engineWith(containers, (call) =>
      call.includes('started?') ? { status: 409, body: { message: 'it runs' } } : undefined,
    )
    expect(await engine.sweep(OURS)).toBe(1)
    expect(removed()).toHaveLength(2)
  })

  it('removes the container of a launch whose response was lost', async () => {
    const containers: Listed[] = []
    const { engine, removed } = await engineWith(containers, (call) => {
      const name = /create\?name=([^&]*)/.exec(call)?.[1]
      if (name === undefined) return undefined
      containers.push(listed(name, 'ours'))
      return 'lost'
    })
    await expect(engine.launch(specOf())).rejects.toMatchObject({
      code: 'SANDBOX_ENGINE_UNAVAILABLE',
    })
    expect(await engine.sweep(OURS)).toBe(1)
    expect(removed()).toEqual(['/containers/sandbox_python_1.1_ours?v=true'])
  })
})

describe('the timeoutMs of createDockerEngine()', () => {
  it('is the limit of each call', async () => {
    const { address } = await fakeDocker(() => 'never')
    const engine = createDockerEngine({ address, timeoutMs: 50 })
    await expect(engine.runtimes()).rejects.toMatchObject({
      code: 'SANDBOX_ENGINE_UNAVAILABLE',
      message: expect.stringContaining('no answer within 50 ms'),
    })
  })

  it('a call whose answer was lost does not block the next one', async () => {
    const answers: FakeAnswer[] = ['never', { body: { Runtimes: { runc: {} } } }]
    const { address, calls } = await fakeDocker(() => answers.shift() ?? 'never')
    const engine = createDockerEngine({ address, timeoutMs: 1000 })
    await expect(engine.runtimes()).rejects.toMatchObject({ code: 'SANDBOX_ENGINE_UNAVAILABLE' })
    expect(await engine.runtimes()).toMatchObject([{ name: 'runc' }])
    expect(calls).toHaveLength(2)
  })

  it.each([0, -1, Number.NaN])('cannot be %s', (timeoutMs) => {
    expect(() => createDockerEngine({ timeoutMs })).toThrow(/createDockerEngine: timeoutMs/)
  })
})
