import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'

interface Case {
  /** The returned value, as an expression of the language; `undefined` if it has no such value. */
  python?: string
  nodejs?: string
}

/** Values of a function, and the JSON value that the host receives. */
const VALUES: [unknown, Case][] = [
  [null, { python: 'None', nodejs: 'null' }],
  [null, { nodejs: 'undefined' }],
  [true, { python: 'True', nodejs: 'true' }],
  ['ž🐎', { python: '"ž🐎"', nodejs: '"ž🐎"' }],
  [1.5, { python: '1.5', nodejs: '1.5' }],
  [9007199254740991, { python: '2**53 - 1', nodejs: '2n ** 53n - 1n' }],
  [-9007199254740991, { python: '1 - 2**53', nodejs: '1n - 2n ** 53n' }],
  ['eHk=', { python: 'b"xy"', nodejs: 'Buffer.from("xy")' }],
  ['eHk=', { python: 'bytearray(b"xy")', nodejs: 'new Uint8Array([120, 121])' }],
  ['eHk=', { python: 'memoryview(b"xy")', nodejs: 'new Uint8Array([120, 121]).buffer' }],
  [
    [1.5, 2],
    { python: '__import__("array").array("d", [1.5, 2])', nodejs: 'new Float64Array([1.5, 2])' },
  ],
  ['2020-01-02T03:04:05', { python: '__import__("datetime").datetime(2020, 1, 2, 3, 4, 5)' }],
  ['2020-01-02', { python: '__import__("datetime").date(2020, 1, 2)' }],
  ['P-1DT23H59M58.5S', { python: '__import__("datetime").timedelta(seconds=-1.5)' }],
  ['2020-01-02T03:04:05.000Z', { nodejs: 'new Date(Date.UTC(2020, 0, 2, 3, 4, 5))' }],
  [[1, 2], { python: '(1, 2)', nodejs: '[1, 2]' }],
  [[1], { python: '{1}', nodejs: 'new Set([1])' }],
  [[1, 2], { python: '__import__("collections").namedtuple("P", "x y")(1, 2)' }],
  [
    { a: 1, 2: [] },
    { python: '{"a": 1, 2: []}', nodejs: 'new Map([["a", 1], [2, []]])' },
  ],
  [{ a: [null] }, { nodejs: '({ a: [undefined], b: undefined })' }],
  [{ x: 1 }, { python: 'Point(1)', nodejs: 'new Point(1)' }],
  [1, { python: 'Color.RED', nodejs: '({ toJSON: () => 1 })' }],
  ['red', { python: 'Name.RED' }],
  [[1, 2], { python: 'Array()' }],
  [[0, 1], { python: '(n for n in range(2))', nodejs: '(function* () { yield 0; yield 1 })()' }],
  [[0, 1], { python: 'numbers()', nodejs: '(async function* () { yield 0; yield 1 })()' }],
  [5, { python: 'later()', nodejs: 'Promise.resolve(5)' }],
]

/** Values that the agent refuses, and the message with the path of the value. */
const INVALID: [RegExp, Case][] = [
  [/^the value is NaN/, { python: 'float("nan")', nodejs: 'NaN' }],
  [/^the value is .*Infinity/, { python: '-float("inf")', nodejs: '-Infinity' }],
  [
    /^the value at \.rows\[3\]\.price is NaN/,
    {
      python: '{"rows": [1, 2, 3, {"price": float("nan")}]}',
      nodejs: '({ rows: [1, 2, 3, { price: NaN }] })',
    },
  ],
  [/^the value is an? /, { python: '2**53', nodejs: '2n ** 53n' }],
  [
    /^the value at \.a\.b is a function/,
    { python: '{"a": {"b": main}}', nodejs: '({ a: { b: main } })' },
  ],
  [
    /^the value at \[0\] is a generator/i,
    { python: '[(1 for _ in [])]', nodejs: '[(function* () {})()]' },
  ],
  [/^the value is/, { python: 'ValueError("secret")', nodejs: 'new Error("secret")' }],
  [/^the value is/, { python: 'object()', nodejs: '/secret/' }],
  [/^the value is/, { python: '1j', nodejs: '(function* () {})' }],
  [
    /^the value is (?:no time|an invalid date)/,
    {
      // The value behaves like NaT of pandas: it is not equal to itself.
      python: 'type("T", (__import__("datetime").date,), {"__ne__": lambda *_: True})(2020, 1, 1)',
      nodejs: 'new Date(NaN)',
    },
  ],
  [/^the value at \[0\]/, { python: '[{(1, 2): 3}]', nodejs: '[new Map([[{}, 3]])]' }],
  [/^the value /, { python: '{1: 2, "1": 3}', nodejs: 'new Map([[1, 2], ["1", 3]])' }],
  [/^the value at \[0\]/, { python: 'cycle()', nodejs: 'cycle()' }],
  [/^the value at (\[0\])+/, { python: 'deep(201)', nodejs: 'deep(201)' }],
  [/^the value is/, { python: '"x" * 2**23', nodejs: '"x".repeat(2 ** 23)' }],
]

const PREAMBLE = {
  python: `
import dataclasses, enum
@dataclasses.dataclass
class Point:
    x: int
class Color(enum.IntEnum):
    RED = 1
class Name(str, enum.Enum):
    RED = 'red'
class Array:
    def tolist(self):
        return [1, 2]
async def later():
    return 5
async def numbers():
    for n in range(2):
        yield n
def cycle():
    found = []
    found.append(found)
    return found
def deep(levels):
    found = 0
    for _ in range(levels):
        found = [found]
    return found
`,
  nodejs: `
class Point { constructor(x) { this.x = x } }
function cycle() { const found = []; found.push(found); return found }
function deep(levels) { let found = 0; while (levels--) found = [found]; return found }
`,
}
const MAIN = {
  python: (value: string) => `${PREAMBLE.python}def main():\n    return ${value}\n`,
  nodejs: (value: string) => `${PREAMBLE.nodejs}function main() { return ${value} }\n`,
}
const PROGRAMS = {
  python: {
    echo: 'def main(*args, **kwargs): return [args, kwargs]',
    awaited: 'async def main():\n    print("in")\n    return 1',
    name: 'import sys\ndef main(): return [__name__, sys.modules["main"].main is main]',
    named: ['main', true],
    none: 'x = 1',
    number: 'main = 3',
    throwing: 'def main(): raise ValueError("no " + "good")',
    early: 'raise ValueError("no " + "good")\ndef main(): pass',
    leaving: 'import sys\ndef main(): sys.exit(3)',
    atExit: 'import atexit\natexit.register(print, "bye")\ndef main(): return 1',
  },
  nodejs: {
    echo: 'const main = (...args) => [args.filter((a) => typeof a !== "object"), args.at(-1)]',
    awaited: 'async function main() {\n  console.log("in")\n  return 1\n}',
    name: 'module.exports = () => [require.main === module]',
    named: [false],
    none: 'const x = 1',
    number: 'const main = 3',
    throwing: 'function main() { throw new Error("no " + "good") }',
    early: 'throw new Error("no " + "good")\nfunction main() {}',
    leaving: 'function main() { process.exit(3) }',
    atExit: 'process.on("exit", () => console.log("bye"))\nfunction main() { return 1 }',
  },
}

describe.each(places.filter((place) => !isSlow(place)))(
  'a function call of the $language agent, $where',
  (place) => {
    const { language } = place
    const programs = PROGRAMS[language]
    const folderOfTest = useFolders(place)
    const call = async (code: string, args: unknown[] = [], kwargs = {}) => {
      const { agent } = await folderOfTest()
      return agent.ask({ ...run(code), call: { entry: 'main', args, kwargs } })
    }
    const casesOf = <T>(table: [T, Case][]) =>
      table.flatMap(([expected, { [language]: value }]): [string, T][] =>
        value === undefined ? [] : [[value, expected]],
      )

    it.each(casesOf(VALUES))('a function returns %s', async (value, expected) => {
      const { records, stderr, done } = await call(MAIN[language](value))
      expect([stderr, records]).toEqual(['', [{ type: 'value', value: expected }]])
      expect(done.exitCode).toBe(0)
    })

    it.runIf(language === 'python').each([
      ['memoryview(b"abcd")[::2]', { type: 'value', value: 'YWM=' }],
      [
        '{type("x" * 2**23, (), {})(): 1}',
        { type: 'refusal', reason: 'value', message: expect.stringContaining('a key of type xxx') },
      ],
    ])('the agent encodes the value or reports its type: %s', async (value, expected) => {
      expect((await call(MAIN.python(value))).records).toEqual([expected])
    })

    it('a function returns a value with 200 levels', async () => {
      const { records } = await call(MAIN[language]('deep(200)'))
      expect(JSON.stringify(records)).toContain('['.repeat(200))
    })

    it.each(casesOf(INVALID))('the agent refuses the value %s', async (value, message) => {
      const { records, stdout, stderr, done } = await call(MAIN[language](value))
      expect(records).toEqual([
        { type: 'refusal', reason: 'value', message: expect.stringMatching(message) },
      ])
      expect(JSON.stringify(records)).not.toContain('secret')
      expect([stdout.toString(), stderr, done.exitCode]).toEqual(['', '', 1])
    })

    it('a function receives its arguments', async () => {
      const { records } = await call(programs.echo, [1, 'ž'], { b: [2] })
      expect(records).toEqual([{ type: 'value', value: [[1, 'ž'], { b: [2] }] }])
    })

    it('an asynchronous function can print and is awaited', async () => {
      const { records, stdout } = await call(programs.awaited)
      expect([stdout.toString(), records]).toEqual(['in\n', [{ type: 'value', value: 1 }]])
    })

    it('the code of a function call runs as a module that is not main', async () => {
      expect((await call(programs.name)).records).toEqual([
        { type: 'value', value: programs.named },
      ])
    })

    it.each([
      ['none', /^there is no 'main'$/],
      ['number', /^'main' is (a number|int), not a function$/],
    ] as const)('the agent refuses an entry that is not a function: %s', async (name, message) => {
      const { records, stderr, done } = await call(programs[name])
      expect(records).toEqual([
        { type: 'refusal', reason: 'entry', message: expect.stringMatching(message) },
      ])
      expect([stderr, done.exitCode]).toEqual(['', 1])
    })

    it.each(['throwing', 'early'] as const)(
      'a function call reports a thrown error: %s',
      async (name) => {
        const { records, stderr, done } = await call(programs[name])
        expect(records).toEqual([expect.objectContaining({ type: 'error', message: 'no good' })])
        expect(stderr).toContain('no good')
        expect(done.exitCode).toBe(1)
      },
    )

    it('a function call has no value if the program exits', async () => {
      const { records, done } = await call(programs.leaving)
      expect([records, done.exitCode]).toEqual([[], 3])
    })

    it('a function call runs exit handlers as a script does', async () => {
      const { records, stdout, done } = await call(programs.atExit)
      expect(records).toEqual([{ type: 'value', value: 1 }])
      expect([stdout.toString(), done.exitCode]).toEqual(['bye\n', 0])
    })

    it.each([
      [7],
      [{}],
      [{ entry: 7, args: [], kwargs: {} }],
      [{ entry: 'main', args: {}, kwargs: {} }],
      [{ entry: 'main', args: [], kwargs: [] }],
    ])('an invalid call is answered with EINVAL: %j', async (invalid) => {
      const { agent } = await folderOfTest()
      const { done } = await agent.ask({ ...run(programs.echo), call: invalid })
      expect(done.error?.code).toBe('EINVAL')
    })
  },
)
