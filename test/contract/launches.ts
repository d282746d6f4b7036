import { afterEach, describe, expect, it, vi } from 'vitest'
import { SandboxError } from '../../src/errors.js'
import { until, within } from '../helpers/until.js'
import type { EngineSubject, Workbench } from './subject.js'
import { expectEcho } from './subject.js'

const NONE_IS_LAUNCHING = () => false

/** Registers the tests of launches, of refused launches and of sweeps. */
export function describeLaunches(workbench: Workbench, subject: EngineSubject): void {
  const { engine, owner } = workbench
  const { runtime, image, stateOf, leaveUnstarted } = subject

  describe('the description of an engine', () => {
    it('an engine lists the runtime, and has an address and advice for messages', async () => {
      expect(await engine.runtimes()).toContainEqual(runtime)
      const { address, advice } = engine
      for (const text of [address, advice.strongerRuntime, advice.howToGetRuntime]) {
        expect(text).not.toBe('')
      }
    })

    it('findImage() returns an image that the engine can launch', async () => {
      expect(await engine.findImage([image])).toBe(image)
    })
  })

  describe('a launch', () => {
    it.each([
      ['an image that is missing', { image: 'hono-sandbox-test/missing:1' }, 'IMAGE_MISSING'],
      ['a runtime that is missing', { runtime: 'no-such-runtime' }, 'ENGINE_FAILED'],
      ['a program that the image lacks', { command: ['no-such-program'] }, 'AGENT_FAILED'],
    ])('a launch with %s is refused and leaves no container', async (_, changes, code) => {
      const spec = workbench.spec(changes)
      const refused = await within('the launch is refused', rejectionOf(engine.launch(spec)))
      expect(refused).toBeInstanceOf(SandboxError)
      expect(refused).toMatchObject({ code: `SANDBOX_${code}` })
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('a launch that is aborted before it begins leaves no container', async () => {
      const spec = workbench.spec()
      const reason = new Error('aborted by the test')
      const launching = engine.launch(spec, AbortSignal.abort(reason))
      expect(await within('the launch settles', rejectionOf(launching))).toBe(reason)
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('a launch that is aborted while it runs leaves no container', async () => {
      const spec = workbench.spec()
      const reason = new Error('aborted by the test')
      const abort = new AbortController()
      const launching = engine.launch(spec, abort.signal)
      abort.abort(reason)
      expect(await within('the launch settles', rejectionOf(launching))).toBe(reason)
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('a launch that is aborted late leaves no container or returns it', async () => {
      const spec = workbench.spec()
      const reason = new Error('aborted by the test')
      const abort = new AbortController()
      const launching = engine.launch(spec, abort.signal)
      const settled = Promise.allSettled([launching])
      await until('the container exists', async () => (await stateOf(spec.name)) !== 'gone')
      abort.abort(reason)
      const [outcome] = await within('the launch settles', settled)
      if (outcome.status === 'fulfilled') await outcome.value.kill()
      else expect(outcome.reason).toBe(reason)
      expect(await stateOf(spec.name)).toBe('gone')
    })
  })

  describe('a launch with a used name', () => {
    it('a launch replaces an unstarted container of the same name and owner', async () => {
      const spec = workbench.spec()
      await leaveUnstarted(spec)
      const container = await within('the container is launched', engine.launch(spec))
      await expectEcho(container)
      await within('the container is removed', container.remove())
      expect(await stateOf(spec.name)).toBe('gone')
    })

    it('a launch fails if another owner has the name, and does not touch that container', async () => {
      const other = await workbench.launch({ owner: 'another' })
      const spec = workbench.spec({ name: other.name })
      expect(await within('the launch is refused', rejectionOf(engine.launch(spec)))).toMatchObject(
        {
          code: 'SANDBOX_ENGINE_FAILED',
          message: expect.stringContaining(other.name),
        },
      )
      await expectEcho(other)
      const unstarted = workbench.spec({ owner: 'another' })
      await leaveUnstarted(unstarted)
      const sameName = workbench.spec({ name: unstarted.name })
      expect(
        await within('the launch is refused', rejectionOf(engine.launch(sameName))),
      ).toMatchObject({
        code: 'SANDBOX_ENGINE_FAILED',
      })
      expect(await stateOf(unstarted.name)).toBe('unstarted')
    })
  })

  describe('a sweep', () => {
    afterEach(() => {
      vi.useRealTimers()
    })

    it('a sweep removes strays of the owner, and neither running containers nor current launches', async () => {
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

    it('a sweep does not remove new containers of other owners, even if the local clock is ahead', async () => {
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

/** Returns the reason that a promise rejects with. Throws if it resolves. */
function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('the launch was not refused')
    },
    (reason: unknown) => reason,
  )
}
