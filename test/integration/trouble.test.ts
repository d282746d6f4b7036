import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Engine, LaunchSpec, Runtime, SandboxPoolOptions } from 'hono-sandbox'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import { alteredEngine } from '../helpers/altered-engine.js'
import { docker, runtimes } from '../helpers/engine.js'
import { until } from '../helpers/until.js'

const one = { python: { size: 1 } }

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** Makes a pool that may fail to start. */
function poolOf(options: SandboxPoolOptions): SandboxPool {
  const pool = new SandboxPool({ languages: one, ...options })
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

/** Returns the real engine, with the changes of the test. */
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

/** Returns the real engine, which starts another program in place of the agent. */
function engineRunning(...command: string[]): Engine {
  const real = createDockerEngine()
  return engineWith({
    launch: (spec: LaunchSpec, signal) => real.launch({ ...spec, command }, signal),
    close: () => real.close(),
  })
}

describe('an unavailable engine', () => {
  it.each(['unix:///tmp/no-such-engine.sock', 'tcp://127.0.0.1:1'])(
    'the errors of start() and acquire() have the address of the engine: %s',
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
      await until('acquire() fails at once with the address', async () => {
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

describe('a missing image', () => {
  it('errors name the missing image, and the pool fills when it exists', async () => {
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
    await until('the image is found', () => pool.stats().python?.idle === 1)
    expect(pool.stats().python).toMatchObject({ image, lastError: undefined })
    const sandbox = await pool.acquire('python')
    expect((await sandbox.runCode('print(42)')).stdout).toBe('42\n')
    sandbox.release()
  })
})

describe('the choice of the runtime', () => {
  it('a missing runtime fails with the runtimes of the engine', async () => {
    const starting = poolOf({ runtime: 'no-such-runtime' }).start()
    await expect(starting).rejects.toMatchObject({
      code: 'SANDBOX_RUNTIME_MISSING',
      message: expect.stringMatching(/no-such-runtime.*runc/),
    })
  })

  const runc: Runtime = { name: 'runc', hasOwnKernel: false }
  const withoutGvisor = () => engineWith({ runtimes: () => Promise.resolve([runc]) })

  it('in production the pool uses runc only if it is configured', async () => {
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

  it('outside production the pool falls back to runc with one warning', async () => {
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

  it.runIf(runtimes.includes('runsc'))('the pool uses gVisor if the engine has it', async () => {
    const pool = poolOf({})
    await pool.start()
    expect(pool.stats().python?.runtime).toBe('runsc')
  })

  it.runIf(runtimes.includes('runsc'))(
    'the error of a runtime that does not work names the runtime',
    async () => {
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      // gVisor itself needs more than one process.
      const engine = createDockerEngine({
        address: await alteredEngine({ HostConfig: { PidsLimit: 1 } }),
      })
      const { python } = await poolOf({ engine, runtime: 'runsc' }).start()
      expect(python?.errors).toMatchObject([
        {
          code: 'SANDBOX_ENGINE_FAILED',
          message: expect.stringMatching(
            /^the engine refused to start .*OCI runtime create failed/,
          ),
          suggestion: expect.stringContaining('`docker run --runtime runsc`'),
        },
      ])
    },
  )
})

describe.each(runtimes)('an agent that fails under %s', (runtime) => {
  it.each([
    ['that exits with an error', ['sh', '-c', 'echo broken thing >&2; exit 3'], /broken thing/],
    ['that exits without output', ['sh', '-c', 'exit 3'], /code 3/],
    [
      'that is another program',
      ['sh', '-c', 'while :; do echo hello, world; done'],
      /violated the protocol/,
    ],
  ])('start() reports an agent %s', async (_, command, message) => {
    const { python } = await poolOf({ runtime, engine: engineRunning(...command) }).start()
    expect(python).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_AGENT_FAILED' }] })
    expect(python?.errors[0]?.message).toMatch(message)
  })

  it.each([
    ['python', 'hono-sandbox/nodejs:24'],
    ['nodejs', 'hono-sandbox/python:bookworm'],
  ] as const)('start() reports that the image lacks %s', async (language, image) => {
    const pool = poolOf({ runtime, languages: { [language]: { size: 1, image } } })
    const report = await pool.start()
    expect(report[language]).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_AGENT_FAILED' }] })
    expect(report[language]?.errors[0]?.suggestion).toContain('PATH')
  })
})

// Under all runtimes at once, because each start takes as long as the time limit for the hello.
it('start() reports an agent that never says hello', async () => {
  const startOf = (runtime: string) => {
    const engine = engineRunning('sleep', '300')
    // Longer than the time limit for the hello of an agent.
    return poolOf({ runtime, engine, startTimeoutMs: 45_000 }).start()
  }
  for (const { python } of await Promise.all(runtimes.map(startOf))) {
    expect(python).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_AGENT_FAILED' }] })
  }
})
