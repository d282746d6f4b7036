import { describe, expect, it } from 'vitest'
import { check } from '../../../src/schemas/check.js'
import { Content, ExecCommand, Port, SignalName } from '../../../src/schemas/sandbox-calls.js'
import { Path } from '../../../src/schemas/values.js'
import { callWith, flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const SECRET = 'hunter2'

/** Invalid values for each kind of option. */
const INVALID_VALUES = {
  milliseconds: [-1, Number.NaN, 2 ** 31, SECRET, null],
  signal: [SECRET, {}, null],
  path: ['', `${SECRET}\0`, `${SECRET}\ud800`, 5, null],
  count: [-1, 1.5, SECRET, Number.NaN, Number.POSITIVE_INFINITY],
  positive: [0, -1, 1.5, SECRET],
  flag: [SECRET, 1, null],
  callback: [SECRET, {}],
  env: [SECRET, { KEY: 5 }, { KEY: `${SECRET}\0` }, { [`${SECRET}=`]: '' }, { '': SECRET }],
  content: [5, [SECRET], { SECRET }, null],
  strings: [SECRET, [5], [`${SECRET}\0`], [`${SECRET}\udfff`]],
  mode: [-1, 0o10000, 1.5, SECRET],
  name: ['', 5, null],
  format: [SECRET, 5, null],
  since: [SECRET, [{}], [5]],
  glob: ['', 5, [''], [5]],
} as const

type Kind = keyof typeof INVALID_VALUES

const TIME_LIMITS = { timeoutMs: 'milliseconds', signal: 'signal' } as const
const ENVIRONMENT = { cwd: 'path', env: 'env' } as const
const EXEC = {
  ...TIME_LIMITS,
  ...ENVIRONMENT,
  stdin: 'content',
  maxOutputBytes: 'positive',
  onStdout: 'callback',
  onStderr: 'callback',
  format: 'format',
} as const

/** Each call, the arguments before its options, and the kinds of its options. */
const CALLS: [string, unknown[], Record<string, Kind>][] = [
  ['exec', ['x'], EXEC],
  ['runCode', ['x'], { ...EXEC, args: 'strings' }],
  ['startProcess', ['x'], { ...TIME_LIMITS, ...ENVIRONMENT, id: 'name', maxLogBytes: 'positive' }],
  [
    'readFile',
    ['p'],
    { ...TIME_LIMITS, format: 'format', maxBytes: 'count', offset: 'count', length: 'count' },
  ],
  ['writeFile', ['p', 'x'], { ...TIME_LIMITS, atomic: 'flag', mode: 'mode' }],
  ['listFiles', ['p'], { ...TIME_LIMITS, recursive: 'flag' }],
  ['mkdir', ['p'], { ...TIME_LIMITS, recursive: 'flag' }],
  ['deleteFile', ['p'], { ...TIME_LIMITS, recursive: 'flag' }],
  ['stat', ['p'], TIME_LIMITS],
  ['exists', ['p'], TIME_LIMITS],
  ['moveFile', ['p', 'q'], TIME_LIMITS],
  [
    'collect',
    [],
    {
      ...TIME_LIMITS,
      glob: 'glob',
      folder: 'path',
      maxFiles: 'count',
      maxBytes: 'count',
      since: 'since',
    },
  ],
]

const OPTIONS = CALLS.flatMap(([call, before, options]) =>
  Object.entries(options).map(([option, kind]) => ({ call, before, option, kind })),
)

/** Returns the error of a call. Fails if the call sends a request or uses the lease. */
async function errorOf(method: string, ...args: unknown[]) {
  const { agent, lease, sandbox } = await leaseSandbox()
  const error = await outcomeOf(Promise.resolve(callWith(sandbox, method, ...args)))
  await flushStreams()
  expect(agent.received).toEqual([])
  expect(lease.isUsed).toBe(false)
  return error
}

describe('the options of the sandbox calls', () => {
  it.each(OPTIONS)(
    '$call refuses an invalid $option and names it',
    async ({ call, before, option, kind }) => {
      for (const value of INVALID_VALUES[kind]) {
        const error = await errorOf(call, ...before, { [option]: value })
        expect(error, JSON.stringify(value)).toMatchObject({
          code: 'SANDBOX_INVALID_OPTION',
          message: expect.stringMatching(`^${call}: ${option}.* is (not valid, expected |missing)`),
        })
        expect(error).not.toMatchObject({ message: expect.stringContaining(SECRET) })
      }
    },
  )

  it.each(CALLS)('%s refuses an unknown option and names it', async (call, before) => {
    expect(await errorOf(call, ...before, { nonsense: SECRET })).toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: `${call}: nonsense is not an option`,
    })
    for (const options of [null, SECRET, 5]) {
      expect(await errorOf(call, ...before, options)).toMatchObject({
        code: 'SANDBOX_INVALID_OPTION',
        message: expect.not.stringContaining(SECRET),
      })
    }
  })

  it.each([
    ['exec', [[]]],
    ['exec', ['']],
    ['exec', [['x', `${SECRET}\0`]]],
    ['exec', [{ SECRET }]],
    ['runCode', [5]],
    ['startProcess', [[]]],
    ['readFile', ['']],
    ['readFile', [5]],
    ['writeFile', ['', 'x']],
    ['writeFile', ['p', { SECRET }]],
    ['writeFiles', [SECRET]],
    ['writeFiles', [[{ path: 'p' }]]],
    ['writeFiles', [[{ path: 'p', content: 'x', mode: 5 }]]],
    [
      'writeFiles',
      [
        [
          { path: 'p', content: 'x' },
          { path: `${SECRET}\0`, content: 'x' },
        ],
      ],
    ],
    ['writeFiles', [[], { nonsense: SECRET }]],
    ['listFiles', [`${SECRET}\0`]],
    ['stat', [`${SECRET}\ud800`]],
    ['moveFile', ['p', '']],
    ['moveFile', ['', 'q']],
    ['deleteFile', [null]],
  ])('%s refuses the arguments %j and sends no request', async (call, args) => {
    expect(await errorOf(call, ...args)).toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: expect.not.stringContaining(SECRET),
    })
  })
})

describe('check()', () => {
  it.each(['a', ' ', 'é', '𐍈', '\uFFFD', 'a\udc80', '\udcff', '\ud834\udd1e'])(
    'accepts the path %j',
    (path) => {
      expect(check(Path, path, 'here')).toBe(path)
    },
  )

  it.each(['', '\0', '\ud800', '\udbff', '\udc00', '\udc7f', '\udd00', '\udfff', '\udc80\ud800'])(
    'refuses the path %j',
    (path) => {
      expect(() => check(Path, path, 'here')).toThrow('here is not valid')
      if (path) expect(() => check(ExecCommand, [path], 'here')).toThrow('here')
    },
  )

  it('accepts the names of signals, ports and content, and refuses other values', () => {
    for (const name of ['SIGKILL', 'SIGINT', 'SIGHUP', 'SIGUSR2']) check(SignalName, name, 'here')
    for (const port of [1, 65_535]) check(Port, port, 'here')
    const contents = ['', new Uint8Array(0), Buffer.alloc(1), new Blob([]), new ReadableStream()]
    for (const content of contents) expect(check(Content, content, 'here')).toBe(content)
    for (const port of [0, 65_536, 1.5, '80'])
      expect(() => check(Port, port, 'here')).toThrow('here')
    for (const content of [5, {}, [], new ArrayBuffer(1)]) {
      expect(() => check(Content, content, 'here')).toThrow('an async iterable')
    }
  })
})
