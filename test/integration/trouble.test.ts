import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Engine, LaunchSpec, Runtime, SandboxPoolOptions } from 'hono-sandbox'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import { docker, runtimes } from '../helpers/engine.js'
import { until } from '../helpers/until.js'

const one = { python: { size: 1 } }

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** A pool that may fail to start. */
function poolOf(options: SandboxPoolOptions): SandboxPool {
  const pool = new SandboxPool({ languages: one, ...options })
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

/** The real engine, where not told otherwise. */
function engineWith(changes: Partial<Engine>): Engine {
  const real = createDockerEngine()
  return {
    address: real.address,
    advice: real.advice,
    runtimes: () => real.runtimes(),
    findImage: (images) => real.findImage(images),
    launch: (spec, signal) => real.launch(spec, signal),
    sweep: () => Promise.resolve(0),
    close: () => real.close(),
    ...changes,
  }
}

/** The real engine with another program in the agent's place. */
function engineRunning(...command: string[]): Engine {
  const real = createDockerEngine()
  return engineWith({
    launch: (spec: LaunchSpec, signal) => real.launch({ ...spec, command }, signal),
    close: () => real.close(),
  })
}

describe('an engine that is not there', () => {
  it.each(['unix:///tmp/no-such-engine.sock', 'tcp://127.0.0.1:1'])(
    '%s: is named',
    async (address) => {
      vi.stubEnv('DOCKER_HOST', address)
      const pool = poolOf({})
      const { python } = await pool.start()
      expect(python).toMatchObject({ ready: 0, total: 1 })
      expect(python?.errors).toHaveLength(1)
      const [error] = python?.errors ?? []
      expect(error).toMatchObject({ code: 'SANDBOX_ENGINE_UNAVAILABLE' })
      expect(error?.message).toContain(address)
      expect(error?.suggestion).toContain('DOCKER_HOST')
      await until('a caller need not wait', async () => {
        const refused = await pool
          .acquire('python', { timeoutMs: 50 })
          .catch((reason: unknown) => reason)
        expect(refused).toMatchObject({
          code: expect.stringMatching(/^SANDBOX_(ACQUIRE_TIMEOUT|ENGINE_UNAVAILABLE)$/),
        })
        return refused instanceof Error && refused.message.includes(address)
      })
    },
  )
})

describe('an image that is not there', () => {
  it('is named, and all is well when it comes', async () => {
    const repo = `hono-sandbox-test/${randomBytes(4).toString('hex')}`
    const image = `${repo}:late`
    const pool = poolOf({ runtime: 'runc', languages: { python: { size: 1, image } } })
    const { python } = await pool.start()
    expect(python).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_IMAGE_MISSING' }] })
    expect(python?.errors[0]?.message).toContain(image)
    await expect(pool.acquire('python')).rejects.toMatchObject({
      code: 'SANDBOX_IMAGE_MISSING',
      message: expect.stringContaining(image),
    })
    await docker.getImage('hono-sandbox/python:bookworm').tag({ repo, tag: 'late' })
    onTestFinished(async () => {
      await pool.close({ deadlineMs: 10_000 })
      await docker.getImage(image).remove()
    })
    await until('it is found', () => pool.stats().python?.idle === 1)
    expect(pool.stats().python).toMatchObject({ image, lastError: undefined })
    const sandbox = await pool.acquire('python')
    expect((await sandbox.runCode('print(42)')).stdout).toBe('42\n')
    sandbox.release()
  })
})

describe('the runtime', () => {
  it('that the engine does not have: says which it has', async () => {
    const starting = poolOf({ runtime: 'no-such-runtime' }).start()
    await expect(starting).rejects.toMatchObject({
      code: 'SANDBOX_RUNTIME_MISSING',
      message: expect.stringMatching(/no-such-runtime.*runc/),
    })
  })

  const runc: Runtime = { name: 'runc', hasOwnKernel: false }
  const withoutGvisor = () => engineWith({ runtimes: () => Promise.resolve([runc]) })

  it('is not runc in production, unless it is asked for', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await expect(poolOf({ engine: withoutGvisor() }).start()).rejects.toMatchObject({
      code: 'SANDBOX_RUNTIME_MISSING',
      message: expect.stringMatching(/^the engine has no gVisor \(runsc\)\./),
      suggestion: 'Install gVisor, or set SANDBOX_RUNTIME=runc if its isolation is enough for you',
    })
    vi.stubEnv('SANDBOX_RUNTIME', 'runc')
    const pool = poolOf({ engine: withoutGvisor() })
    expect((await pool.start()).python).toMatchObject({ ready: 1, errors: [] })
    expect(pool.stats().python?.runtime).toBe('runc')
  })

  it('is runc elsewhere, with one warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const pool = poolOf({ engine: withoutGvisor(), languages: { python: { size: 2 } } })
    expect((await pool.start()).python).toMatchObject({ ready: 2 })
    expect(pool.stats().python?.runtime).toBe('runc')
    expect(warn.mock.calls).toEqual([
      [
        'the engine has no gVisor (runsc), sandboxes run under runc. Install gVisor, or set ' +
          'SANDBOX_RUNTIME=runc if its isolation is enough for you',
        { type: 'SandboxWarning', code: 'SANDBOX_RUNTIME_MISSING' },
      ],
    ])
  })

  it.runIf(runtimes.includes('runsc'))('is gVisor where the engine has it', async () => {
    const pool = poolOf({})
    await pool.start()
    expect(pool.stats().python?.runtime).toBe('runsc')
  })
})

describe.each(runtimes)('an agent under %s', (runtime) => {
  it.each([
    ['that ends', ['sh', '-c', 'echo broken thing >&2; exit 3'], /broken thing/],
    ['that ends without a word', ['sh', '-c', 'exit 3'], /code 3/],
    [
      'that is something else',
      ['sh', '-c', 'while :; do echo hello, world; done'],
      /violated the protocol/,
    ],
  ])('%s: says so', async (_, command, message) => {
    const { python } = await poolOf({ runtime, engine: engineRunning(...command) }).start()
    expect(python).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_AGENT_FAILED' }] })
    expect(python?.errors[0]?.message).toMatch(message)
  })

  it('that never speaks: says so, and its container goes', async () => {
    const engine = engineRunning('sleep', '300')
    // Longer than an agent has for its first word.
    const pool = poolOf({ runtime, engine, startTimeoutMs: 45_000 })
    const { python } = await pool.start()
    expect(python).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_AGENT_FAILED' }] })
  })

  it.each([
    ['python', 'hono-sandbox/nodejs:24'],
    ['nodejs', 'hono-sandbox/python:bookworm'],
  ] as const)('of %s in an image without it: says so', async (language, image) => {
    const pool = poolOf({ runtime, languages: { [language]: { size: 1, image } } })
    const report = await pool.start()
    expect(report[language]).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_AGENT_FAILED' }] })
    expect(report[language]?.errors[0]?.suggestion).toContain('PATH')
  })
})
