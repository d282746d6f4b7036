import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Kind, PROTOCOL_VERSION } from '../../../src/agent/protocol.js'
import type { Container, Engine, SweepOptions } from '../../../src/engine/engine.js'
import type { SandboxErrorCode } from '../../../src/index.js'
import { SandboxError, SandboxPool } from '../../../src/index.js'
import { fakeEngine } from '../../helpers/fake-engine.js'
import { FakeAgent } from '../fakes/fake-agent.js'
import { flushMicrotasks, outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime } from '../fakes/fake-time.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const never = () => new Promise<never>(() => {})
const hello = { version: PROTOCOL_VERSION, language: 'python' }

/** Creates a container whose agent has sent `hello`, and whose removal never ends. */
function stuckContainer(): Container {
  const agent = new FakeAgent()
  agent.sendJson(Kind.hello, 0, hello)
  return {
    name: agent.name,
    stdin: agent.stdin,
    stdout: agent.stdout,
    exited: agent.exited,
    remove: never,
    kill: never,
  }
}

function poolOf(engine: Partial<Engine>, options = {}) {
  const sweeps: SweepOptions[] = []
  const pool = new SandboxPool({
    languages: { python: { size: 1 } },
    ...options,
    engine: fakeEngine({
      launch: never,
      sweep: (sweep) => {
        sweeps.push(sweep)
        return Promise.resolve(0)
      },
      ...engine,
    }),
  })
  return { pool, sweeps }
}

/** Returns an engine whose launches fail with the codes in order, and then with the last code. */
function failing(...codes: (SandboxErrorCode | 'works')[]): Partial<Engine> {
  return {
    launch: () => {
      const [code = 'SANDBOX_ENGINE_FAILED'] = codes.length > 1 ? codes.splice(0, 1) : codes
      if (code === 'works') return Promise.resolve(stuckContainer())
      return Promise.reject(new SandboxError(code, `no launch: ${code}`))
    },
  }
}

describe('a start with an engine that hangs', () => {
  it.each([
    ['runtimes()', { runtimes: never }],
    ['launch()', { launch: never }],
  ])('resolves at its deadline if %s hangs', async (_, engine) => {
    const { pool } = poolOf(engine, { startTimeoutMs: 2000 })
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const started = pool.start()
    await flushMicrotasks()
    advanceTime(1990)
    expect(await outcomeOf(started)).toBe('pending')
    advanceTime(10)
    await flushMicrotasks()
    advanceTime(0)
    expect(await outcomeOf(started)).toMatchObject({
      python: { ready: 0, total: 1, errors: [{ code: 'SANDBOX_WAIT_TIMEOUT' }] },
    })
    expect(pool.stats().python?.starting).toBe(1)
    expect(pool.isClosing).toBe(false)
  })
})

describe('a close with an engine that hangs', () => {
  it('resolves a second after its deadline, and reports the remaining container', async () => {
    const { pool } = poolOf(failing('works'))
    const failed: string[] = []
    pool.on('removeFailed', ({ name, error }) => failed.push(`${name} ${error.code}`))
    await started(pool)
    const sandbox = await pool.acquire('python')
    const closed = pool.close({ deadlineMs: 3000 })
    await flushMicrotasks()
    advanceTime(3000)
    await flushMicrotasks()
    expect(sandbox.signal.reason).toBe('closed')
    advanceTime(995)
    expect(await outcomeOf(closed)).toBe('pending')
    advanceTime(5)
    expect(await outcomeOf(closed)).toBeUndefined()
    expect(failed).toContain(`${sandbox.name} SANDBOX_WAIT_TIMEOUT`)
    expect(pool.isClosing).toBe(true)
  })
})

describe('a pool', () => {
  it('sweeps soon after a failed launch, except the names of launches in progress', async () => {
    let launches = 0
    const names: string[] = []
    const { pool, sweeps } = poolOf({
      launch: ({ name }) => {
        names.push(name)
        return launches++ === 0
          ? Promise.reject(new SandboxError('SANDBOX_ENGINE_UNAVAILABLE', 'no answer'))
          : never()
      },
    })
    pool.on('launchFailed', () => {})
    await started(pool)
    expect(sweeps).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(5100)
    expect(sweeps).toHaveLength(2)
    const [failed = '', launching = ''] = names
    expect(failed).toMatch(new RegExp(`_${sweeps[1]?.owner}$`))
    expect([failed, launching].map((name) => sweeps[1]?.isLaunching(name))).toEqual([false, true])
  })

  it('sweeps once more if it closes after a failure', async () => {
    const { pool, sweeps } = poolOf(failing('SANDBOX_ENGINE_UNAVAILABLE'))
    pool.on('launchFailed', () => {})
    await started(pool)
    await pool.close()
    expect(sweeps).toHaveLength(2)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a failure without a listener', () => {
  it('emits one warning for each code, until a launch works again', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const unavailable = 'SANDBOX_ENGINE_UNAVAILABLE'
    const { pool } = poolOf(
      failing('works', unavailable, unavailable, 'SANDBOX_AGENT_FAILED', 'works', unavailable),
    )
    await started(pool)
    pool.resize('python', 2, 4)
    await vi.advanceTimersByTimeAsync(5000)
    expect(pool.stats().python?.idle).toBe(2)
    expect(codesOf(warn)).toEqual([unavailable, 'SANDBOX_AGENT_FAILED'])
    expect(warn.mock.calls[0]?.[0]).toMatch(/python sandbox could not be launched.*no launch/)
    pool.resize('python', 3, 6)
    await vi.advanceTimersByTimeAsync(5000)
    expect(codesOf(warn)).toEqual([unavailable, 'SANDBOX_AGENT_FAILED', unavailable])
  })

  it('emits one warning if the start fails, and none for later failures of the same code', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { pool } = poolOf(failing('SANDBOX_ENGINE_UNAVAILABLE'))
    await started(pool)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(codesOf(warn)).toEqual(['SANDBOX_ENGINE_UNAVAILABLE'])
    expect(warn.mock.calls[0]?.[0]).toMatch(/no python sandbox has started yet/)
  })

  it('emits no warning if the app adds a listener', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { pool } = poolOf(failing('SANDBOX_ENGINE_UNAVAILABLE'))
    pool.on('launchFailed', () => {})
    await started(pool)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(warn).not.toHaveBeenCalled()
  })

  it('emits a warning if a removal fails', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { pool } = poolOf(failing('works'))
    await started(pool)
    const closed = pool.close({ deadlineMs: 0 })
    await flushMicrotasks()
    advanceTime(0)
    await flushMicrotasks()
    advanceTime(1000)
    await closed
    expect(codesOf(warn)).toEqual(['SANDBOX_WAIT_TIMEOUT'])
  })
})

async function started(pool: SandboxPool): Promise<void> {
  const starting = pool.start()
  // Streams need turns of the event loop.
  await vi.advanceTimersByTimeAsync(20)
  await starting
}

function codesOf(warn: { mock: { calls: unknown[][] } }): unknown[] {
  return warn.mock.calls.map(([, about]) =>
    typeof about === 'object' && about !== null && 'code' in about ? about.code : undefined,
  )
}
