import { afterEach, describe, expect, it, vi } from 'vitest'
import { SandboxError } from '../../src/errors.js'
import { until, within } from '../helpers/until.js'
import type { EngineSubject, Workbench } from './subject.js'
import { expectEcho } from './subject.js'

const NONE_IS_LAUNCHING = () => false

/** Registers the tests of launches, of what is refused, and of sweeps. */
export function describeLaunches(workbench: Workbench, subject: EngineSubject): void {
  const { engine, owner } = workbench
  const { runtime, image, stateOf, leaveUnstarted } = subject

  describe('what an engine says of itself', () => {
    it('has the runtime, with its data, and an address and advice for messages', async () => {
      expect(await engine.runtimes()).toContainEqual(runtime)
      const { address, advice } = engine
      for (const text of [address, advice.strongerRuntime, advice.howToGetRuntime]) {
        expect(text).not.toBe('')
      }
    })

    it('finds the image that it can launch', async () => {
      expect(await engine.findImage([image])).toBe(image)
    })
  })

  describe('a launch', () => {
    it.each([
      ['an image that is missing', { image: 'hono-sandbox-test/missing:1' }, 'IMAGE_MISSING'],
      ['a runtime that is missing', { runtime: 'no-such-runtime' }, 'ENGINE_FAILED'],
      ['a program that the image lacks', { command: ['no-such-program'] }, 'AGENT_FAILED'],
    ])('with %s is refused, and leaves nothing', async (_, changes, code) => {
      const spec = workbench.spec(changes)
      const refused = await within('it is refused', rejectionOf(engine.launch(spec)))
      expect(refused).toBeInstanceOf(SandboxError)
      expect(refused).toMatchObject({ code: `SANDBOX_${code}` })
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('that is aborted before it begins leaves nothing', async () => {
      const spec = workbench.spec()
      const reason = new Error('aborted by the test')
      const launching = engine.launch(spec, AbortSignal.abort(reason))
      expect(await within('it is over', rejectionOf(launching))).toBe(reason)
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('that is aborted under way leaves nothing', async () => {
      const spec = workbench.spec()
      const reason = new Error('aborted by the test')
      const abort = new AbortController()
      const launching = engine.launch(spec, abort.signal)
      abort.abort(reason)
      expect(await within('it is over', rejectionOf(launching))).toBe(reason)
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('that is aborted when its container is there leaves nothing, or gives it', async () => {
      const spec = workbench.spec()
      const reason = new Error('aborted by the test')
      const abort = new AbortController()
      const launching = engine.launch(spec, abort.signal)
      const settled = Promise.allSettled([launching])
      await until('it is there', async () => (await stateOf(spec.name)) !== 'gone')
      abort.abort(reason)
      const [outcome] = await within('it is over', settled)
      if (outcome.status === 'fulfilled') await outcome.value.kill()
      else expect(outcome.reason).toBe(reason)
      expect(await stateOf(spec.name)).toBe('gone')
    })
  })

  describe('a name that is taken', () => {
    it('by a leftover of the same owner: the leftover is removed', async () => {
      const spec = workbench.spec()
      await leaveUnstarted(spec)
      const container = await within('it is launched', engine.launch(spec))
      await expectEcho(container)
      await within('it is removed', container.remove())
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('by a container of another owner: it is left alone, and an error names it', async () => {
      const theirs = await workbench.launch({ owner: 'another' })
      const spec = workbench.spec({ name: theirs.name })
      expect(await within('it is refused', rejectionOf(engine.launch(spec)))).toMatchObject({
        code: 'SANDBOX_ENGINE_FAILED',
        message: expect.stringContaining(theirs.name),
      })
      await expectEcho(theirs)
      const left = workbench.spec({ owner: 'another' })
      await leaveUnstarted(left)
      const ours = workbench.spec({ name: left.name })
      expect(await within('it is refused', rejectionOf(engine.launch(ours)))).toMatchObject({
        code: 'SANDBOX_ENGINE_FAILED',
      })
      expect(await stateOf(left.name)).toBe('unstarted')
    })
  })

  describe('a sweep', () => {
    afterEach(() => {
      vi.useRealTimers()
    })

    it('removes strays of the owner, but no launch under way and nothing that runs', async () => {
      const stray = workbench.spec()
      const launching = workbench.spec()
      await Promise.all([leaveUnstarted(stray), leaveUnstarted(launching)])
      const running = await workbench.launch()
      const isLaunching = (name: string) => name === launching.name
      expect(await engine.sweep({ owner, isLaunching })).toBeGreaterThanOrEqual(1)
      const states = await Promise.all([stray, launching, running].map(({ name }) => stateOf(name)))
      expect(states).toEqual(['gone', 'unstarted', 'running'])
      await expectEcho(running)
    })

    it('leaves the young of other owners alone, also if the clock here is ahead', async () => {
      const young = workbench.spec({ owner: 'another' })
      await leaveUnstarted(young)
      const running = await workbench.launch({ owner: 'another' })
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 300_000 })
      await engine.sweep({ owner, isLaunching: NONE_IS_LAUNCHING })
      vi.useRealTimers()
      expect(await stateOf(young.name)).toBe('unstarted')
      await expectEcho(running)
    })
  })
}

/** What a promise rejects with; an error if it does not. */
function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it was not refused')
    },
    (reason: unknown) => reason,
  )
}
