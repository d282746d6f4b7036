import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readSettings } from '../../../src/config/settings.js'
import { SandboxError } from '../../../src/errors.js'
import { ContainerEntries } from '../../../src/schemas/container.js'

const MIB = 1024 ** 2
const folder = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const profile = (name: string): string => {
  const file = path.join(folder, name)
  writeFileSync(file, JSON.stringify({ name }))
  return file
}
const OF_POOL = {
  runtime: 'runsc',
  memory: '512m',
  cpus: 2,
  pids: 64,
  maxPrograms: 9,
  openFiles: 512,
  workspaceSize: '80m',
  tmpSize: '40m',
  shmSize: '20m',
  network: 'outer',
  seccompProfile: profile('pool'),
  env: { LANG: 'C', TZ: 'UTC' },
}
const OF_LANGUAGE = {
  runtime: 'runc',
  memory: '128m',
  cpus: 0.5,
  pids: 32,
  maxPrograms: 3,
  openFiles: 256,
  workspaceSize: '8m',
  tmpSize: '4m',
  shmSize: '2m',
  network: 'inner',
  seccompProfile: profile('language'),
  env: { LANG: 'de_DE', INDEX: 'http://index' },
}
const BASH = { name: 'bash', image: 'bash', agent: 'python', file: 'f', run: ['bash'] } as const

const settingsOf = (options: object) => Reflect.apply(readSettings, undefined, [options, {}])

/** Returns the message of the error of a pool with these options of Python. */
function messageOf(python: object): string {
  try {
    settingsOf({ languages: { python } })
  } catch (error) {
    if (error instanceof SandboxError && error.code === 'SANDBOX_INVALID_OPTION')
      return error.message
    throw error
  }
  throw new Error('it did not throw')
}

describe('the options of a container', () => {
  it('are all in this test', () => {
    const all = Object.keys(ContainerEntries).sort()
    expect(Object.keys(OF_POOL).sort()).toEqual(all)
    expect(Object.keys(OF_LANGUAGE).sort()).toEqual(all)
  })

  it('are those of the language, for each kind of language, and else those of the pool', () => {
    const plans = readSettings(
      {
        ...OF_POOL,
        languages: {
          python: OF_LANGUAGE,
          data: { ...OF_LANGUAGE, base: 'python' },
          bash: { ...OF_LANGUAGE, ...BASH },
          nodejs: {},
        },
      },
      {},
    ).languages
    for (const language of ['python', 'data', 'bash']) {
      expect(plans.get(language), language).toMatchObject({
        runtime: 'runc',
        maxPrograms: 3,
        env: { LANG: 'de_DE', TZ: 'UTC', INDEX: 'http://index' },
        limits: {
          network: 'inner',
          memoryBytes: 128 * MIB,
          cpus: 0.5,
          pids: 32,
          openFiles: 256,
          workspaceBytes: 8 * MIB,
          tmpBytes: 4 * MIB,
          shmBytes: 2 * MIB,
          seccomp: { json: '{"name":"language"}' },
        },
      })
      const config: unknown = JSON.parse(plans.get(language)?.command.at(-1) ?? '')
      expect(config).toEqual({ contextBytes: 32 * MIB, pids: 32 })
    }
    expect(plans.get('nodejs')).toMatchObject({
      runtime: 'runsc',
      maxPrograms: 9,
      env: OF_POOL.env,
      limits: {
        network: 'outer',
        memoryBytes: 512 * MIB,
        cpus: 2,
        pids: 64,
        openFiles: 512,
        workspaceBytes: 80 * MIB,
        tmpBytes: 40 * MIB,
        shmBytes: 20 * MIB,
        seccomp: { json: '{"name":"pool"}' },
      },
    })
  })

  it('leave the number of programs to the processes of the language', () => {
    const languages = { python: { pids: 32 }, nodejs: { pids: 64 }, typescript: {} }
    const plans = readSettings({ languages }, {}).languages
    expect([...plans.values()].map(({ maxPrograms }) => maxPrograms)).toEqual([16, 4, 8])
  })

  it('can remove a variable of the pool', () => {
    const { languages } = readSettings(
      { env: { LANG: 'C', TZ: 'UTC' }, languages: { python: { env: { LANG: undefined } } } },
      {},
    )
    expect(JSON.stringify(languages.get('python')?.env)).toBe('{"TZ":"UTC"}')
  })

  it.each([
    [{ memory: '1x' }, 'languages.python.memory is "1x"'],
    [{ workspaceSize: '1x' }, 'languages.python.workspaceSize is "1x"'],
    [{ tmpSize: '1x' }, 'languages.python.tmpSize is "1x"'],
    [{ shmSize: '1x' }, 'languages.python.shmSize is "1x"'],
    [{ pids: 15 }, 'languages.python.pids is not valid, expected 16 or more'],
    [{ cpus: 0 }, 'languages.python.cpus is not valid, expected 0.01 or more'],
    [{ openFiles: 63 }, 'languages.python.openFiles is not valid, expected 64 or more'],
    [{ maxPrograms: 0 }, 'languages.python.maxPrograms is not valid, expected 1 or more'],
    [{ seccompProfile: '/no/such' }, 'languages.python.seccompProfile is "/no/such"'],
    [{ env: { A: 'hunter2\0' } }, 'languages.python.env.A is not valid, expected a string without'],
    [{ env: { 'hunter2=': '' } }, "languages.python.env is not valid, expected a name without '='"],
  ])('are refused with their whole path if they are %j', (python, part) => {
    const message = messageOf(python)
    expect(message).toContain(part)
    expect(message).not.toContain('hunter2')
  })
})
