import { HarnessCapabilityUnsupportedError } from '@ai-sdk/harness'
import { HarnessAgent } from '@ai-sdk/harness/agent'
import { AISDKError } from 'ai'
import { harnessSandbox } from 'hono-sandbox/adapters'
import type { Sandbox } from 'hono-sandbox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runtimes, usePool } from './places.js'
import { scriptedHarness } from './scripted-harness.js'
import { CSV, expectPlot, RIGHT, WRONG } from './task.js'

/** No program ends in time by itself. */
const LONG = { timeoutMs: 600_000 }

describe.each(runtimes)('a HarnessAgent under %s', (runtime) => {
  const pool = usePool(runtime)
  const leases: Sandbox[] = []
  const provider = harnessSandbox(async ({ sessionId, signal }) => {
    const call = { signal, timeoutMs: 60_000 }
    const sandbox =
      sessionId === undefined
        ? await pool().acquire('python', call)
        : await pool().session('python', sessionId, call)
    leases.push(sandbox)
    return sandbox
  }, LONG)
  const agent = () =>
    new HarnessAgent({
      harness: scriptedHarness,
      sandbox: provider,
      sandboxConfig: {
        workDir: 'work',
        onSession: async ({ session, sessionWorkDir }) =>
          session.writeTextFile({ path: `${sessionWorkDir}/data.csv`, content: CSV }),
      },
    })
  const isFree = () => expect.poll(() => pool().stats().python?.leased, { timeout: 20_000 }).toBe(0)

  it('does its task, and resumes its session', async () => {
    const sessionId = `task-${runtime}`
    const first = await agent().createSession({ sessionId })
    const wrong = await agent().generate({ session: first, prompt: WRONG })
    expect(wrong.text).toContain("KeyError: 'sale'")
    const resumeFrom = await first.stop()
    expect(pool().listSessions()).toMatchObject([{ id: sessionId }])
    const second = await agent().createSession({ sessionId, resumeFrom })
    const right = await agent().generate({ session: second, prompt: RIGHT })
    expect(right.text).toContain('total 7')
    const box = await provider.resumeSession({ sessionId })
    expect(await box.readTextFile({ path: '.scripted/hello.txt' })).toBe('hello')
    expectPlot(await box.readBinaryFile({ path: 'work/plot.png' }))
    await second.destroy()
    expect(pool().listSessions()).toEqual([])
    await isFree()
  })

  it('that is aborted ends its program', async () => {
    const session = await agent().createSession({ sessionId: `abort-${runtime}` })
    onTestFinished(() => session.destroy())
    const sandbox = leases.at(-1)
    const stop = new AbortController()
    const prompt = "open('begun', 'w')\nwhile True: pass"
    const turn = agent().generate({ session, prompt, abortSignal: stop.signal })
    const settled = Promise.allSettled([turn])
    await expect.poll(() => sandbox?.exists('work/begun'), { timeout: 20_000 }).toBe(true)
    expect(sandbox?.isBusy).toBe(true)
    stop.abort()
    await settled
    await expect.poll(() => sandbox?.isBusy, { timeout: 20_000 }).toBe(false)
  })

  it('gets the error of the SDK for ports and for a session that has ended', async () => {
    const session = await provider.createSession()
    const error: unknown = await session.getPortEndpoint().catch((error: unknown) => error)
    expect(HarnessCapabilityUnsupportedError.isInstance(error)).toBe(true)
    expect(AISDKError.isInstance(error)).toBe(true)
    expect(session.ports).toEqual([])
    await session.destroy()
    const resumed: unknown = await provider
      .resumeSession({ sessionId: 'ended' })
      .catch((error: unknown) => error)
    expect(HarnessCapabilityUnsupportedError.isInstance(resumed)).toBe(true)
    expect(pool().listSessions()).toEqual([])
    const failed = provider.createSession({
      onFirstCreate: async (box) => {
        await box.writeTextFile({ path: 'file', content: '' })
        throw new Error('no bootstrap')
      },
    })
    await expect(failed).rejects.toThrow('no bootstrap')
    await isFree()
  })
})
