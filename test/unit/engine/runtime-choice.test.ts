import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Runtime } from '../../../src/engine/engine.js'
import { SandboxError, SandboxPool } from '../../../src/index.js'
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
  const launched: string[] = []
  const engine = fakeEngine({
    runtimes: () => Promise.resolve(listed),
    launch: (spec) => {
      launched.push(spec.runtime)
      return Promise.reject(new SandboxError('SANDBOX_ENGINE_FAILED', 'it launches nothing'))
    },
  })
  const pool = new SandboxPool({ engine, runtime, languages: { python: { size: 2 } } })
  pool.on('launchFailed', () => {})
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  await pool.start()
  return launched
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
