import { describe, expect, it } from 'vitest'
import { parseBytes } from '../../../src/config/byte-size.js'
import { readEnvironment } from '../../../src/config/environment.js'
import { SandboxError, SandboxFileError } from '../../../src/errors.js'
import { PoolSettings } from '../../../src/config/pool-schema.js'
import { AcquireCall, LanguageSettings } from '../../../src/schemas/pool.js'
import { check } from '../../../src/schemas/check.js'
import { ExecCommand, RunCall } from '../../../src/schemas/sandbox-calls.js'
import { readSettings } from '../../../src/config/settings.js'

/** Returns the error that `run` throws. Fails if it is not a SandboxError. */
function thrown(run: () => unknown): SandboxError {
  try {
    run()
  } catch (error) {
    if (error instanceof SandboxError) return error
    throw error
  }
  throw new Error('it did not throw')
}

describe('parseBytes', () => {
  it.each([
    ['1b', 1],
    ['256m', 268_435_456],
    ['16K', 16_384],
    ['2G', 2_147_483_648],
  ])('returns the bytes of %s', (size, bytes) => {
    expect(parseBytes('memory', size)).toBe(bytes)
  })

  it.each([
    '',
    '256',
    'm',
    '0m',
    '-1m',
    '1.5g',
    '256mb',
    ' 256m',
    '256m\n',
    '1e3m',
    '0x1m',
    '9007199254740993g',
  ])('refuses %j, and quotes it', (size) => {
    const error = thrown(() => parseBytes('memory', size))
    expect(error.code).toBe('SANDBOX_INVALID_OPTION')
    expect(error.message).toContain(`memory is ${JSON.stringify(size)}`)
    expect(error.message).toContain('256m')
  })
})

describe('readEnvironment', () => {
  it('reads the known variables, and ignores others', () => {
    expect(
      readEnvironment({
        SANDBOX_MAX_MEMORY: '512m',
        SANDBOX_POOL_SIZE: '3',
        SANDBOX_ENABLE_SECCOMP: 'True',
        SANDBOX_RUNTIME: '',
        PATH: '/bin',
      }),
    ).toEqual({ SANDBOX_MAX_MEMORY: '512m', SANDBOX_POOL_SIZE: 3, SANDBOX_ENABLE_SECCOMP: true })
  })

  it.each([
    ['SANDBOX_POOL_SIZE', '0'],
    ['SANDBOX_POOL_SIZE', 'two'],
    ['SANDBOX_POOL_SIZE', '-1'],
    ['SANDBOX_ENABLE_SECCOMP', 'maybe'],
  ])('refuses %s with the value %j, and quotes both', (name, value) => {
    const error = thrown(() => readEnvironment({ [name]: value }))
    expect(error.code).toBe('SANDBOX_INVALID_OPTION')
    expect(error.message).toContain(`${name} is ${JSON.stringify(value)}, expected `)
  })
})

describe('readSettings', () => {
  it('fills in every default', () => {
    const settings = readSettings({}, {})
    expect([...settings.languages.keys()]).toEqual(['python', 'nodejs'])
    const python = settings.languages.get('python')
    expect(python).toMatchObject({ size: 2, max: 4, runtime: 'auto', env: {} })
    expect(python?.limits).toMatchObject({ network: 'none', memoryBytes: 268_435_456, pids: 128 })
    expect(python?.limits.seccomp).toBe('narrow')
    expect(settings).toMatchObject({
      maxWaiting: 100,
      maxPerTenant: undefined,
      maxWaitingPerTenant: undefined,
      startTimeoutMs: 30_000,
      leaseTtlMs: 300_000,
    })
  })

  it('prefers an option to a variable, and a variable to a default', () => {
    const env = {
      SANDBOX_MAX_MEMORY: '1g',
      SANDBOX_POOL_SIZE: 5,
      SANDBOX_RUNTIME: 'runc',
      SANDBOX_BASE_PYTHON_IMAGE: 'mine',
    }
    const byVariable = readSettings({}, env)
    expect(byVariable.languages.get('python')).toMatchObject({
      size: 5,
      max: 10,
      images: ['mine'],
      runtime: 'runc',
      limits: { memoryBytes: 1024 ** 3 },
    })
    const languages = { python: { size: 1, image: 'other' } }
    const byOption = readSettings({ languages, memory: '64m', runtime: 'runsc' }, env)
    const limits = { memoryBytes: 64 * 1024 ** 2 }
    expect([...byOption.languages]).toMatchObject([
      ['python', { size: 1, max: 2, images: ['other'], runtime: 'runsc', limits }],
    ])
  })

  it('gives a language its own memory, and a quarter of that to its idle contexts', () => {
    const languages = { python: { memory: '1g' }, nodejs: {} }
    const plans = readSettings({ languages, memory: '64m' }, {}).languages
    for (const [language, bytes] of [
      ['python', 1024 ** 3],
      ['nodejs', 64 * 1024 ** 2],
    ] as const) {
      const plan = plans.get(language)
      expect(plan?.limits.memoryBytes).toBe(bytes)
      expect(plan?.command.at(-1)).toContain(`"contextBytes":${bytes / 4}`)
    }
  })

  it('has twice the largest size as its maximum if the pool chooses the size', () => {
    const size = { min: 1, max: 6 }
    const { languages } = readSettings({ languages: { python: { size } } }, {})
    expect(languages.get('python')).toMatchObject({ size, max: 12 })
  })

  it('has a maximum of 1 for the size 0', () => {
    const { languages } = readSettings({ languages: { python: { size: 0 } } }, {})
    expect(languages.get('python')).toMatchObject({ size: 0, max: 1 })
  })

  it.each([
    [{ memory: 'lots' }, 'memory is "lots"'],
    [{ memory: '' }, 'memory is ""'],
    [{ languages: { python: { memory: '1x' } } }, 'languages.python.memory is "1x"'],
    [{ tmpSize: '1' }, 'tmpSize is "1"'],
    [{ languages: { python: { size: 3, max: 2 } } }, 'languages.python: max is 2'],
    [{ languages: { python: { size: -1 } } }, 'languages.python.size'],
    [{ languages: { nodejs: { size: 1.5 } } }, 'languages.nodejs.size'],
    [{ languages: { python: { size: { min: -1, max: 2 } } } }, 'python.size.min is not valid'],
    [{ languages: { python: { size: { min: 0, max: 0 } } } }, 'max is not valid, expected 1 or'],
    [{ languages: { python: { size: { min: 1.5, max: 2 } } } }, 'expected a whole number'],
    [
      { languages: { python: { size: { min: 3, max: 2 } } } },
      'expected a max that is at least its min',
    ],
    [
      { languages: { python: { size: { min: 1, max: 4 }, max: 3 } } },
      'max is 3, expected at least the size 4',
    ],
    [{ cpus: 0 }, 'cpus'],
    [{ pids: 1 }, 'pids is not valid, expected 16 or more'],
    [{ leaseTtlMs: 2 ** 31 }, 'leaseTtlMs'],
    [{ maxPerTenant: 0 }, 'maxPerTenant is not valid, expected 1 or more'],
    [{ maxWaitingPerTenant: -1 }, 'maxWaitingPerTenant is not valid, expected 0 or more'],
    [{ leaseTtlMs: 0 }, 'leaseTtlMs is not valid, expected 1 ms or more'],
    [{ startTimeoutMs: 0 }, 'startTimeoutMs is not valid, expected 1 ms or more'],
    [{ seccompProfile: '/no/such/file' }, 'seccompProfile is "/no/such/file"'],
  ])('refuses %j and names the option', (options, part) => {
    const error = thrown(() => readSettings(options, {}))
    expect(error.code).toBe('SANDBOX_INVALID_OPTION')
    expect(error.message).toContain(part)
  })

  it('names the variable if an invalid size came from it', () => {
    const error = thrown(() => readSettings({}, { SANDBOX_MAX_MEMORY: '12' }))
    expect(error.message).toContain('SANDBOX_MAX_MEMORY is "12"')
  })

  it('reads the profile of the variable unless seccomp is disabled', () => {
    const SANDBOX_SECCOMP_PROFILE = '/no/such/file'
    const off = readSettings({}, { SANDBOX_SECCOMP_PROFILE, SANDBOX_ENABLE_SECCOMP: false })
    expect(off.languages.get('python')?.limits.seccomp).toBe('engine')
    const on = () => readSettings({}, { SANDBOX_SECCOMP_PROFILE, SANDBOX_ENABLE_SECCOMP: true })
    expect(thrown(on).message).toContain('SANDBOX_SECCOMP_PROFILE is "/no/such/file"')
  })
})

describe('check', () => {
  const SECRET = 'hunter2'

  it.each([
    [SECRET, 'a: size is not valid, expected a whole number, or { min, max }'],
    [null, 'a: size is not valid, expected a whole number, or { min, max }'],
    [{ min: 1 }, 'a: size.max is missing'],
    [{ min: 1, max: 2, x: 3 }, 'a: size.x is not an option'],
  ])('describes the expected size if it is %j', (size, message) => {
    expect(thrown(() => check(LanguageSettings, { size }, 'a')).message).toBe(message)
  })

  it.each([
    [RunCall, { stdin: { SECRET } }, 'stdin'],
    [RunCall, { stdin: [SECRET] }, 'stdin'],
    [RunCall, { env: { KEY: `${SECRET}\0` } }, 'env.KEY'],
    [RunCall, { env: { [`KEY=${SECRET}`]: '' } }, 'env'],
    [RunCall, { args: [`${SECRET}\0`] }, 'args.0'],
    [RunCall, { cwd: `${SECRET}\0` }, 'cwd'],
    [RunCall, { timeoutMs: SECRET }, 'timeoutMs'],
    [RunCall, { maxOutputBytes: 0 }, 'maxOutputBytes'],
    [RunCall, { signal: SECRET }, 'signal'],
    [ExecCommand, `${SECRET}\0`, 'here'],
    [ExecCommand, [SECRET, `${SECRET}\0`], 'here'],
    [ExecCommand, [], 'here'],
    [RunCall, { args: [`${SECRET}\ud800`] }, 'args.0'],
    [RunCall, { format: SECRET }, 'format'],
    [RunCall, { onStdout: SECRET }, 'onStdout'],
    [AcquireCall, { timeoutMs: -1 }, 'timeoutMs'],
    [AcquireCall, { timeoutMs: Number.NaN }, 'timeoutMs'],
    [PoolSettings, { engine: SECRET }, 'engine'],
  ])('names the invalid option and does not echo its value (case %#)', (schema, input, name) => {
    const error = thrown(() => check(schema, input, 'here'))
    expect(error.code).toBe('SANDBOX_INVALID_OPTION')
    expect(error.message).toContain('here')
    expect(error.message).toContain(name)
    expect(error.message).toContain('expected')
    expect(error.message).not.toContain(SECRET)
  })

  it('describes the expected value in words', () => {
    const message = (options: object) => thrown(() => check(RunCall, options, 'exec')).message
    expect(message({ cwd: '' })).toBe('exec: cwd is not valid, expected a string that is not empty')
    expect(message({ cwd: '\0' })).toBe('exec: cwd is not valid, expected a string without NUL')
    expect(message({ env: { 'A=B': '' } })).toBe(
      "exec: env is not valid, expected a name without '='",
    )
    expect(message({ timeoutMs: '5' })).toBe(
      'exec: timeoutMs is not valid, expected a number of milliseconds',
    )
    expect(message({ timeoutMs: -1 })).toBe('exec: timeoutMs is not valid, expected 0 ms or more')
  })

  it('names an unknown option', () => {
    const error = thrown(() => check(RunCall, { timeout: 5 }, 'exec'))
    expect(error.message).toBe('exec: timeout is not an option')
  })
})

describe('the error classes', () => {
  it('have a code, a cause, a suggestion and a time to retry', () => {
    const cause = new Error('beneath')
    const options = { cause, suggestion: 'Try this', retryAfterMs: 5 }
    const error = new SandboxError('SANDBOX_QUEUE_FULL', 'full', options)
    expect(error).toMatchObject({ ...options, name: 'SandboxError', code: 'SANDBOX_QUEUE_FULL' })
    expect(error.message).toBe('full. Try this')
  })

  it('have an errno and a path for files', () => {
    const error = new SandboxFileError('ENOENT', 'a "b"', 'no such file')
    expect(error).toBeInstanceOf(SandboxError)
    expect(error).toMatchObject({
      name: 'SandboxFileError',
      code: 'SANDBOX_FILE_FAILED',
      errno: 'ENOENT',
      path: 'a "b"',
      message: 'ENOENT: no such file: "a \\"b\\""',
    })
  })
})
