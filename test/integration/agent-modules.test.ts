import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import type { Agent } from '../helpers/agent.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'

const result = (text: string) => ({ type: 'result', isMain: true, text })

/** Hides the globals that the code of the agent uses in the process of a program. */
const HIDING_GLOBALS =
  'class Object {}\nconst Array = 1, ArrayBuffer = 2, Buffer = 3, JSON = 4, Map = 5, Number = 6, Promise = 7, SyntaxError = 8, process = 9'

/** Ways to write a program: name, code, expected output, expected records. */
const PROGRAMS: readonly (readonly [string, string, string, readonly unknown[]])[] = [
  ['a value', 'const x = 20\nx * 2 + 2', '', [result('42')]],
  ['no value', 'let x = 1; console.log(x)', '1\n', []],
  ['a promise', 'Promise.resolve([1])', '', [result('[ 1 ]')]],
  ['require', 'const { sep } = require("path"); console.log(sep)', '/\n', []],
  [
    'a main module',
    'console.log(require.main === module, typeof fs, __filename[0])',
    'true undefined /\n',
    [],
  ],
  [
    'import',
    'import fs, { readFileSync as read } from "node:fs"\nread === fs.readFileSync',
    '',
    [result('true')],
  ],
  ['a namespace', "import os, * as all from 'os'\nall.default === os", '', [result('true')]],
  [
    'imports over lines',
    'import {\n  sep, // the "first"\n  posix,\n} from "node:path"; sep',
    '',
    [result("'/'")],
  ],
  ['an import without names', 'import "node:fs"\nconsole.log(1)', '1\n', []],
  [
    'two imports',
    'import { EOL } from "os"\nimport { sep } from "path"\n;[EOL, sep].length',
    '',
    [result('2')],
  ],
  ['await', 'const x = await Promise.resolve(41)\nx + 1', '', [result('42')]],
  ['import()', 'const { sep } = await import("node:path"); sep', '', [result("'/'")]],
  [
    'import() without await',
    'import("node:path").then((m) => console.log(m.sep)); 1',
    '/\n',
    [result('1')],
  ],
  [
    'import() in a string',
    'await 1; "import(1) " + `import(${2})`',
    '',
    [result("'import(1) import(2)'")],
  ],
  ['import() in a comment', '// import(1)\n/* import(2) */ await 3', '', [result('3')]],
  ['import() in a regex', 'await 1; /import(x)/.test("importx")', '', [result('true')]],
  [
    'import() in a template',
    'await 1; `${(await import("path")).sep} import(1)`',
    '',
    [result("'/ import(1)'")],
  ],
  ['a method import()', 'await 1; ({ import(x) { return x } }).import(5)', '', [result('5')]],
  ['export', 'export const a = 1\nconsole.log(typeof require)', 'undefined\n', []],
  ['import.meta', 'console.log(import.meta.url.startsWith("file:///"))', 'true\n', []],
  ['a return', 'console.log(1)\nreturn\nconsole.log(2)', '1\n', []],
  [
    'import() after a comment',
    'const { sep } = await import /* ( */\n("path"); sep',
    '',
    [result("'/'")],
  ],
  ['import() that is spread', 'await 1; ({ ...import("path") })', '', [result('{}')]],
  [
    'import far to the right',
    `/*${'x'.repeat(1100)}*/ import { sep } from "path"; sep`,
    '',
    [result("'/'")],
  ],
  [
    'an import after other statements',
    'show()\nimport { sep } from "path"\nfunction show() { display(sep) }',
    '',
    [{ ...result("'/'"), isMain: false }],
  ],
  ['import of an escaped name', 'import { sep } from "\\x70ath"; sep', '', [result("'/'")]],
  ['only an import', 'import "node:fs"', '', []],
  [
    'names that the agent uses',
    `${HIDING_GLOBALS}\ndisplay(3)`,
    '',
    [{ ...result('3'), isMain: false }],
  ],
]

/** Programs that throw: name, code, name of the error, line in the traceback. */
const FAILURES: readonly (readonly [string, string, string, string])[] = [
  ['a script', 'const x = 1\nthrow new TypeError("bad")', 'TypeError', 'main.js:2:7'],
  ['await', 'await 1\n\nthrow new TypeError("bad")', 'TypeError', 'main.js:3:7'],
  [
    'import',
    'import {\n sep\n} from "path"\nthrow new TypeError("bad")',
    'TypeError',
    'main.js:4:7',
  ],
  ['export', 'export default 1\nthrow new TypeError("bad")', 'TypeError', 'main.js:2:7'],
  ['a timer', 'setTimeout(() => {\n throw new TypeError("bad")\n}); 0', 'TypeError', 'main.js:2:8'],
  ['a promise', 'Promise.reject(\nnew TypeError("bad"))', 'TypeError', 'main.js:2:1'],
  ['invalid syntax', 'let x = 1\nx = = 2', 'SyntaxError', 'main.js:2'],
  ['a missing name', 'import { nope } from "fs"', 'SyntaxError', 'main.js:1'],
  [
    'names that the agent uses',
    `${HIDING_GLOBALS}\nthrow new TypeError("bad")`,
    'TypeError',
    'main.js:3:7',
  ],
]

/** Values that throw again when they are inspected. */
const THROWING_VALUES = [
  'new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })',
  'Object.defineProperty(new Error("x"), "name", { get() { throw 3 } })',
  'Object.defineProperty(new Error("x"), "stack", { get() { throw 4 } })',
  '{ get constructor() { throw 5 } }',
]

const nodePlaces = places.filter(({ language }) => language === 'nodejs')

/** Opens a context, which ends with the test. Returns a function that runs code in it. */
async function contextOf(agent: Agent) {
  const context = 'c'
  const opened = agent.open({ op: 'open', context })
  await opened.wait('the context is open', () => opened.started !== undefined)
  onTestFinished(async () => {
    opened.signal('SIGKILL')
    await opened.answer()
  })
  return (code: string) => agent.ask({ ...run(code), context })
}

describe.each(nodePlaces)('modules of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const few = isSlow(place)

  it.each(few ? PROGRAMS.slice(0, 6) : PROGRAMS)(
    'a program may have %s',
    async (_, code, stdout, records) => {
      const { agent } = await folderOfTest()
      const answer = await agent.ask(run(code))
      expect([answer.stderr, answer.stdout.toString()]).toEqual(['', stdout])
      expect(answer.records).toEqual(records)
      expect(answer.done.exitCode).toBe(0)
    },
  )

  it.each(few ? FAILURES.slice(0, 3) : FAILURES)(
    'the traceback of a program with %s has the line of the user',
    async (_, code, name, where) => {
      const { agent } = await folderOfTest()
      const { stderr, records, done } = await agent.ask(run(code))
      expect(done.exitCode).toBe(1)
      expect(stderr).toContain(where)
      expect(stderr).not.toMatch(/\[eval\]/)
      const traceback = expect.stringContaining(where)
      expect(records.at(-1)).toMatchObject({ type: 'error', name, traceback })
      expect(JSON.stringify(records)).not.toMatch(/node:internal\/main|\[eval\]/)
    },
  )

  it.skipIf(few)('a program finds modules in its working directory', async () => {
    const folder = await folderOfTest()
    await folder.write('part.mjs', 'export const part = 7')
    await folder.write('common.cjs', 'exports.common = 8')
    const cwd = `${folder.agent.workspace}/${folder.path}`
    const code =
      'import { part } from "./part.mjs"\nimport { common } from "./common.cjs"\npart + common'
    const { records, stderr } = await folder.agent.ask(run(code, { cwd }))
    expect([stderr, records]).toEqual(['', [result('15')]])
    const dynamic = 'import("./part.mjs").then(({ part }) => part + require("./common.cjs").common)'
    expect((await folder.agent.ask(run(dynamic, { cwd }))).records).toEqual([result('15')])
  })

  it.skipIf(few).each(THROWING_VALUES)('a program may throw %s', async (thrown) => {
    const { agent } = await folderOfTest()
    const shown = expect.stringMatching(/./)
    const error = { type: 'error', name: expect.any(String), message: shown, traceback: shown }
    for (const code of [`throw ${thrown}`, `await 1\nthrow ${thrown}`]) {
      const { records, done } = await agent.ask(run(code))
      expect([records, done.exitCode]).toEqual([[error], 1])
    }
    const ask = await contextOf(agent)
    const { records, done } = await ask(`setTimeout(() => { throw ${thrown} })\nthrow ${thrown}`)
    expect([records, done.exitCode]).toEqual([[error], 1])
    expect((await ask('await new Promise(setImmediate); 7')).records).toEqual([result('7')])
  })

  it.skipIf(few)('a displayed error has only frames of the user', async () => {
    const { agent } = await folderOfTest()
    const ask = await contextOf(agent)
    const text = expect.stringMatching(/^Error: bad\n +at \S+cell-1.js:1:1$/)
    expect((await ask('new Error("bad")')).records).toMatchObject([{ text }])
  })

  it.skipIf(few)('a function call works if the program hides globals', async () => {
    const { agent } = await folderOfTest()
    const code = `${HIDING_GLOBALS}\nfunction main() { return { a: [2n, new Uint8Array(2)] } }`
    const call = { entry: 'main', args: [], kwargs: {} }
    const { records } = await agent.ask({ ...run(code), call })
    expect(records).toEqual([{ type: 'value', value: { a: [2, 'AAA='] } }])
  })

  it.skipIf(few)('a context works if the program hides globals', async () => {
    const { agent } = await folderOfTest()
    const ask = await contextOf(agent)
    expect((await ask(HIDING_GLOBALS)).stderr).toBe('')
    expect((await ask('display(1)\nawait 2')).records).toMatchObject([{ text: '1' }, { text: '2' }])
    const { records, done } = await ask('throw new TypeError("bad")')
    expect([records, done.exitCode]).toMatchObject([[{ name: 'TypeError', message: 'bad' }], 1])
  })

  it.skipIf(few)('a context reports a second declaration of a name as a SyntaxError', async () => {
    const { agent } = await folderOfTest()
    const ask = await contextOf(agent)
    await ask('let a = 1')
    for (const code of ['var a = 2', 'function a() {}', 'const a = 2']) {
      const { records } = await ask(code)
      expect(records).toMatchObject([
        { name: 'SyntaxError', message: expect.stringContaining('already been declared') },
      ])
    }
    expect((await ask('a')).records).toEqual([result('1')])
  })

  it.skipIf(few)('a context can print after an interrupt during a print', async () => {
    const { agent } = await folderOfTest()
    const ask = await contextOf(agent)
    for (let round = 0; round < 10; round++) {
      const request = agent.open({ ...run('for (;;) console.log("on")'), context: 'c' })
      await request.wait('the program prints', () => request.text().includes('on\n'))
      request.signal('SIGINT')
      expect((await request.answer()).done.exitCode).toBe(130)
      const { stdout, stderr } = await ask('console.log("out"); console.error("err")')
      expect([stdout.toString().endsWith('out\n'), stderr]).toEqual([true, 'err\n'])
    }
  })

  it('a program that awaits an unsettled promise exits with 13', async () => {
    const { agent } = await folderOfTest()
    const { records, done } = await agent.ask(run('await new Promise(() => {})'))
    expect([records, done.exitCode]).toEqual([[], 13])
  })

  it.skipIf(few)('a program that catches its error reports none', async () => {
    const { agent } = await folderOfTest()
    const caught = 'process.on("uncaughtException", () => process.exit(4))\nthrow new Error("bad")'
    for (const code of [caught, `await 1\n${caught}`, 'process.exit(4)']) {
      const { stderr, records, done } = await agent.ask(run(code))
      expect([stderr, records, done.exitCode]).toEqual(['', [], 4])
    }
  })

  it.skipIf(few)('the agent loads the preload before it says hello', async () => {
    const folder = await folderOfTest()
    const preload = ['node:zlib', './no-such-module']
    const agent = await agentOfTest(place, { preload })
    expect(agent.hello?.failed).toEqual({
      preload: './no-such-module',
      message: expect.stringContaining("Cannot find module './no-such-module'"),
    })
    const good = await agentOfTest(place, { preload: ['node:zlib', 'node:os'] })
    expect(good.hello?.failed).toBeUndefined()
    const { records } = await good.ask(run('process.moduleLoadList.includes("NativeModule zlib")'))
    expect(records).toEqual([result('true')])
    expect(folder.agent.hello?.failed).toBeUndefined()
  })

  it.runIf(place.where === 'process')(
    'a preload may name CommonJS and ES packages of the workspace',
    async () => {
      const workspace = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-preload-'))
      onTestFinished(() => rmSync(workspace, { recursive: true }))
      chmodSync(workspace, 0o777)
      const files = {
        common: ['index.js', '{}', 'globalThis.loaded = ["common"]'],
        modern: [
          'index.mjs',
          '{ "exports": { "import": "./index.mjs" } }',
          'await 1; globalThis.loaded.push("modern"); export const seven = 7',
        ],
      }
      for (const [name, [file = '', manifest = '', code = '']] of Object.entries(files)) {
        const folder = path.join(workspace, 'node_modules', name)
        mkdirSync(folder, { recursive: true })
        writeFileSync(path.join(folder, 'package.json'), manifest)
        writeFileSync(path.join(folder, file), code)
      }
      const agent = await agentOfTest(place, { workspace, preload: Object.keys(files) })
      expect(agent.hello?.failed).toBeUndefined()
      const code = 'import { seven } from "modern"\nloaded.concat(seven)'
      expect((await agent.ask(run(code))).records).toEqual([result("[ 'common', 'modern', 7 ]")])
    },
  )

  describe.runIf(place.where === 'runc')('TypeScript', () => {
    const typescript = true

    it('a TypeScript program loses its types and keeps its lines', async () => {
      const agent = await agentOfTest(place, { typescript })
      const plain = 'interface A { a: number }\nconst a: A = { a: 1 }\na'
      expect((await agent.ask(run(plain))).records).toEqual([result('{ a: 1 }')])
      const code =
        'import type { A } from "./a"\nimport { sep } from "path"\nconst x: string = await sep\nthrow Error(x)'
      const { stderr, records } = await agent.ask(run(code))
      expect(records).toMatchObject([
        { name: 'Error', traceback: expect.stringContaining('main.ts:4') },
      ])
      expect(stderr).not.toContain('Warning')
      const module = 'export const a: number = 1\nconsole.log(a as unknown)'
      const exported = await agent.ask(run(module))
      expect([exported.stdout.toString(), exported.stderr]).toEqual(['1\n', ''])
    })

    it.each([
      [
        'an enum',
        'const x = 1\nenum A { B }',
        'TypeScript enum is not supported in strip-only mode',
      ],
      ['a missing type', 'const x = 1\nlet a: = 2', 'Unexpected token'],
    ])('a TypeScript program with %s fails with a clear SyntaxError', async (_, code, message) => {
      const agent = await agentOfTest(place, { typescript })
      const { stderr, records, done } = await agent.ask(run(code))
      expect(done.exitCode).toBe(1)
      const traceback = expect.stringContaining('main.ts:2')
      const wanted = { type: 'error', name: 'SyntaxError', traceback }
      expect(records).toMatchObject([{ ...wanted, message: expect.stringContaining(message) }])
      expect(stderr).toMatch(/main\.ts:2[^]*SyntaxError/)
    })

    it('a context runs TypeScript', async () => {
      const agent = await agentOfTest(place, { typescript })
      const ask = await contextOf(agent)
      await ask('let a: number = 41')
      expect((await ask('a + 1 as number')).records).toEqual([result('42')])
    })
  })

  it.runIf(place.where === 'process' && process.version.startsWith('v20'))(
    'the agent reports that TypeScript needs a newer Node',
    async () => {
      const agent = await agentOfTest(place, { typescript: true })
      const message = `Node ${process.version} cannot strip types, 22.13 or newer can`
      expect(agent.hello?.failed).toEqual({ message })
    },
  )
})
