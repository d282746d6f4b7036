import { describe, expect, it, onTestFinished } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'

const LIVE = 'export let counter = 0\nexport function inc() { counter++ }'
const SEEN =
  'module.exports = [typeof path, fetch.name === "fetch", module.parent === require.main]'
const IMPORT_LIVE = "import { counter, inc } from './live.mjs'"

/** Programs that do the same as by `node main.cjs` or `node main.mjs`: name, code, output. */
const PROGRAMS: readonly (readonly [string, string, string])[] = [
  ['live imports', `${IMPORT_LIVE}\ninc(); inc()\nconsole.log(counter)`, '2'],
  [
    'the variables of a CommonJS module',
    'console.log(arguments.length, arguments[1] === require, this === exports, module.id)',
    '5 true true .',
  ],
  [
    'no globals of its variables',
    'const path = 1\nvar a = 2\nfunction fetch() {}\nconsole.log(globalThis.a, typeof globalThis.require, require("./seen.cjs"))',
    "undefined undefined [ 'undefined', true, true ]",
  ],
  ['a return', 'console.log(1)\nif (arguments) return\nconsole.log(2)', '1'],
  [
    'names of ES modules',
    'var await = 1, yield = 2, let = 010\nconsole.log(await + yield + let)',
    '11',
  ],
  [
    'the semantics of an ES module',
    `console.log(this, typeof require, typeof sep, import.meta.main ?? true, import.meta.filename === process.argv[1])
import { sep } from 'node:path'
try { undeclared = 1 } catch (error) { console.log(error.message) }
try { a } catch (error) { console.log(error.message) }
let a = 1`,
    "undefined undefined string true true\nundeclared is not defined\nCannot access 'a' before initialization",
  ],
  [
    'the order of jobs of a CommonJS module',
    'process.nextTick(console.log, "tick")\nPromise.resolve("job").then(console.log)\nconsole.log("main")',
    'main\ntick\njob',
  ],
  [
    'the order of jobs of an ES module',
    'import "node:fs"\nprocess.nextTick(console.log, "tick")\nPromise.resolve("job").then(console.log)\nconsole.log("main")',
    'main\njob\ntick',
  ],
]

/** Programs that print a stack trace: name, code. */
const TRACES: readonly (readonly [string, string])[] = [
  ['console.trace()', 'console.trace("here")'],
  ['console.trace() of an ES module', 'import "node:fs"\nconsole.trace("here")'],
  [
    'an awaited function',
    'const f = async () => { await 1; console.trace("here") }\nexport const a = await f()',
  ],
  [
    'an error event that nothing handles',
    'const Events = require("node:events")\nnew Events().emit("error", new Error("bad"))',
  ],
  [
    'call sites',
    'Error.prepareStackTrace = (_, sites) => sites.map((each) => each.getFileName()).join()\nconsole.log(new Error().stack)',
  ],
  [
    'an error of fs',
    'try { require("node:fs").readFileSync("/missing") } catch (error) { console.log(error.stack) }',
  ],
  [
    'a warning',
    'process.on("warning", ({ stack }) => console.log(stack))\nprocess.emitWarning("a")',
  ],
]

const nodePlaces = places.filter(({ language }) => language === 'nodejs')

const result = (text: string) => ({ type: 'result', isMain: true, text })

describe.each(nodePlaces)('plain programs of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const few = isSlow(place)

  it.each(few ? PROGRAMS.slice(0, 3) : PROGRAMS)('a program has %s', async (_, code, output) => {
    const folder = await folderOfTest()
    await folder.write('live.mjs', LIVE)
    await folder.write('seen.cjs', SEEN)
    const cwd = `${folder.agent.workspace}/${folder.path}`
    const { stdout, stderr } = await folder.agent.ask(run(code, { cwd }))
    expect([stdout.toString().trim(), stderr]).toEqual([output, ''])
  })

  it.skipIf(few)('the last value of an ES module with live imports is shown', async () => {
    const folder = await folderOfTest()
    await folder.write('live.mjs', LIVE)
    const cwd = `${folder.agent.workspace}/${folder.path}`
    const { records } = await folder.agent.ask(run(`${IMPORT_LIVE}\ninc()\n\ncounter`, { cwd }))
    expect(records).toEqual([result('1')])
  })

  // An older Node can read the code only in the file.
  it.skipIf(few || place.where === 'process')('a program sees its own source', async () => {
    const { agent } = await folderOfTest()
    const read = "readFileSync(process.argv[1], 'utf8')"
    for (const code of [
      `import { readFileSync } from 'node:fs'\n${read}.length`,
      `const { readFileSync } = require('node:fs')\n${read}.length`,
    ]) {
      expect((await agent.ask(run(code))).records).toEqual([result(`${code.length}`)])
    }
  })

  it.skipIf(few).each(TRACES)('no frame of the agent is in the trace of %s', async (_, code) => {
    const { agent } = await folderOfTest()
    const { stdout, stderr } = await agent.ask(run(code))
    const context = agent.open({ op: 'open', context: 'c' })
    onTestFinished(async () => {
      context.signal('SIGKILL')
      await context.answer()
    })
    await context.wait('the context is open', () => context.started !== undefined)
    const cell = `${code.replace('export const', 'const')}\nawait new Promise(setImmediate)`
    const inContext = await agent.ask({ ...run(cell), context: 'c' })
    for (const text of [
      stdout.toString() + stderr,
      inContext.stdout.toString() + inContext.stderr,
    ]) {
      expect(text).toMatch(/main\.js|cell-1\.js|^,node:/)
      expect(text).not.toMatch(/sandbox:|\[eval\]/)
    }
  })

  it.skipIf(few)('a function that is called has no frame of the agent below it', async () => {
    const { agent } = await folderOfTest()
    const call = { entry: 'main', args: [], kwargs: {} }
    const main = 'function main() { return new Error().stack }'
    for (const code of [main, `import 'node:fs'\n${main}`, `export async ${main}`]) {
      const { records } = await agent.ask({ ...run(code), call })
      expect(records).toEqual([{ type: 'value', value: expect.stringContaining('at main (') }])
      expect(JSON.stringify(records)).not.toMatch(/sandbox:|\[eval\]/)
    }
  })

  it.skipIf(few)('a syntax error and an uncaught error are printed as by Node', async () => {
    const { agent } = await folderOfTest()
    const missing = await agent.ask(run("import { nope } from 'node:fs'\nnope"))
    expect(missing.stderr).toMatch(/^\S+main\.js:1\nimport \{ nope \}.*\n +\^+\nSyntaxError: The/)
    const thrown = await agent.ask(run('const a = 1\n\nJSON.parse("{")'))
    expect(thrown.stderr).toContain('main.js:3:6)')
    if (place.where === 'process') return // an older Node says nothing about an unsettled promise
    const unsettled = await agent.ask(run('import "node:fs"\n\nawait new Promise(() => {})'))
    expect(unsettled.stderr).toMatch(/unsettled top-level await at \S+main\.js:3\nawait new/)
    expect(unsettled.done.exitCode).toBe(13)
  })
})
