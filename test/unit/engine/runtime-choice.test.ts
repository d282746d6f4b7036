import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Engine, LaunchSpec, Runtime } from '../../../src/engine/engine.js'
import type { SandboxPoolOptions } from '../../../src/index.js'
import { readSettings } from '../../../src/config/settings.js'
import { SandboxError, SandboxPool } from '../../../src/index.js'
import { Launcher } from '../../../src/launcher.js'
import { fakeEngine, OWN_KERNEL, SHARED_KERNEL } from '../../helpers/fake-engine.js'

const SUGGESTION = 'Install one, or set SANDBOX_RUNTIME=shared if its isolation is enough for you'

let warn = vi.spyOn(process, 'emitWarning')
beforeEach(() => {
  warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** Starts a pool on an engine with these runtimes. Returns the runtimes of its launches. */
async function launchedUnder(listed: readonly Runtime[], runtime?: string): Promise<string[]> {
  const { launched } = await startOn(listed, { runtime, languages: { python: { size: 2 } } })
  return launched.map((spec) => spec.runtime)
}

/** Starts a pool whose launches fail, on an engine with these runtimes. */
async function startOn(listed: readonly Runtime[], options: SandboxPoolOptions) {
  const launched: LaunchSpec[] = []
  const runtimes = vi.fn<Engine['runtimes']>(() => Promise.resolve(listed))
  const engine = fakeEngine({
    runtimes,
    launch: (spec) => {
      launched.push(spec)
      return Promise.reject(new SandboxError('SANDBOX_ENGINE_FAILED', 'it launches nothing'))
    },
  })
  const pool = new SandboxPool({ engine, ...options })
  pool.on('launchFailed', () => {})
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  await pool.start()
  return { launched, runtimes, pool }
}

describe('a pool without the option runtime', () => {
  it('uses the runtime that the engine prefers', async () => {
    expect(await launchedUnder([OWN_KERNEL, SHARED_KERNEL])).toEqual(['own', 'own'])
    expect(warn).not.toHaveBeenCalled()
  })

  it('warns once with the text of the engine if its programs share the kernel', async () => {
    expect(await launchedUnder([SHARED_KERNEL, OWN_KERNEL])).toEqual(['shared', 'shared'])
    expect(warn.mock.calls).toEqual([
      [
        `the engine has no own kernel, sandboxes run under shared. ${SUGGESTION}`,
        { type: 'SandboxWarning', code: 'SANDBOX_RUNTIME_MISSING' },
      ],
    ])
  })

  it('refuses a shared kernel in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await expect(launchedUnder([SHARED_KERNEL])).rejects.toMatchObject({
      code: 'SANDBOX_RUNTIME_MISSING',
      message: `the engine has no own kernel. ${SUGGESTION}`,
    })
    expect(warn).not.toHaveBeenCalled()
  })
})

describe('a pool with the option runtime', () => {
  it('uses the runtime without a warning, even in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(await launchedUnder([OWN_KERNEL, SHARED_KERNEL], 'shared')).toEqual(['shared', 'shared'])
    expect(warn).not.toHaveBeenCalled()
  })

  it('rejects with the runtimes of the engine if the engine does not list the runtime', async () => {
    await expect(launchedUnder([SHARED_KERNEL, OWN_KERNEL], 'other')).rejects.toMatchObject({
      code: 'SANDBOX_RUNTIME_MISSING',
      message: 'the engine at fake has no runtime other, only own, shared',
    })
  })
})

describe('a pool with a runtime for each language', () => {
  it('asks the engine once, and launches each language under its own runtime', async () => {
    const languages = {
      python: { size: 1, runtime: 'shared' },
      data: { base: 'python', size: 1 },
      nodejs: { size: 1, runtime: 'auto' },
    } as const
    const { launched, runtimes, pool } = await startOn([OWN_KERNEL, SHARED_KERNEL], {
      runtime: 'shared',
      languages: { ...languages, typescript: { size: 1, runtime: 'own' } },
    })
    const expected = { python: 'shared', data: 'shared', nodejs: 'own', typescript: 'own' }
    const byLanguage = launched.map(({ language, runtime }) => [language, runtime])
    expect(Object.fromEntries(byLanguage)).toEqual(expected)
    const reported = Object.entries(pool.stats()).map(([name, { runtime }]) => [name, runtime])
    expect(Object.fromEntries(reported)).toEqual(expected)
    expect(runtimes).toHaveBeenCalledOnce()
    expect(warn).not.toHaveBeenCalled()
  })

  it('warns once of a shared kernel of several languages', async () => {
    const languages = { python: { size: 1 }, nodejs: { size: 1 } }
    await startOn([SHARED_KERNEL], { languages })
    expect(warn).toHaveBeenCalledOnce()
  })

  it('does not start if the runtime of one language is missing', async () => {
    const languages = { python: { size: 1 }, nodejs: { size: 1, runtime: 'other' } }
    await expect(startOn([OWN_KERNEL], { languages })).rejects.toMatchObject({
      code: 'SANDBOX_RUNTIME_MISSING',
      message: 'the engine at fake has no runtime other, only own',
    })
  })

  it('asks the engine again if it has not answered', async () => {
    const runtimes = vi.fn<Engine['runtimes']>(() => Promise.resolve([OWN_KERNEL]))
    runtimes.mockRejectedValueOnce(new SandboxError('SANDBOX_ENGINE_UNAVAILABLE', 'not yet'))
    const settings = readSettings({ languages: { python: {}, nodejs: {} } }, {})
    const launcher = new Launcher(fakeEngine({ runtimes }), settings, 'owner')
    await expect(launcher.chooseRuntimes()).rejects.toThrow('not yet')
    await launcher.chooseRuntimes()
    expect(launcher.runtimeOf('nodejs')).toBe('own')
    expect(runtimes).toHaveBeenCalledTimes(2)
  })
})

it('the variables of a language are no part of a container', async () => {
  const { launched } = await startOn([OWN_KERNEL], {
    env: { FIRST: 'hunter1' },
    languages: { python: { size: 1, env: { SECOND: 'hunter2' } } },
  })
  expect(launched).not.toEqual([])
  expect(JSON.stringify(launched)).not.toMatch(/hunter|FIRST|SECOND/)
})
