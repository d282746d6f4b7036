import * as v from 'valibot'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AgentName } from '../../src/languages/built-in.js'
import { run } from '../helpers/agent-folder.js'
import type { Agent } from '../helpers/agent.js'
import type { Call } from '../helpers/agent-call.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

/** The same cells in both languages. */
const CELLS = {
  python: {
    set: 'x = 41',
    use: 'x + 1',
    patch: 'import json\njson.dumps = lambda value: "patched"',
    patched: 'import json\njson.dumps(1)',
    isThere: '"x" in globals()',
    broken: 'y = 1\nraise ValueError("no good")',
    after: 'y',
    unparsed: 'x = = 1',
    sleeping: 'import time\nprint("ready", flush=True)\ntime.sleep(300)',
    computing: 'print("ready", flush=True)\nwhile True: pass',
    awaiting: 'import asyncio\nprint("ready", flush=True)\nawait asyncio.sleep(300)',
    looping: 'i = 0\nprint("ready", flush=True)\nwhile True: i += 1; display(i)',
    background:
      'import threading, time\ndef late():\n    time.sleep(0.3)\n    print("late", flush=True)\n' +
      'threading.Thread(target=late).start()',
    stdin: 'import sys\nsys.stdin.read()',
    end: 'import sys\nsys.exit(5)',
    die: 'import os\nprint("bye", flush=True)\nos.kill(os.getpid(), 9)',
    where: 'import os\nprint(os.getcwd(), os.environ.get("A"))',
    large: 'held = bytearray(64 * 1024 * 1024)\nfor i in range(0, len(held), 4096): held[i] = 1',
    ordered: 'for i in range(50):\n    print(i)\n    display(i)',
    text: 'hello',
  },
  nodejs: {
    set: 'const x = 41',
    use: 'x + 1',
    patch: 'JSON.stringify = () => "patched"',
    patched: 'JSON.stringify(1)',
    isThere: 'typeof x !== "undefined"',
    broken: 'const y = 1\nthrow new RangeError("no good")',
    after: 'y',
    unparsed: 'x = = 1',
    sleeping: 'console.log("ready"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)',
    computing: 'console.log("ready"); while (true);',
    awaiting: 'console.log("ready"); await new Promise((go) => setTimeout(go, 300_000))',
    looping: 'var i = 0; console.log("ready"); while (true) display(++i)',
    background: 'setTimeout(() => console.log("late"), 300); 0',
    stdin: 'require("fs").readFileSync(0, "utf8")',
    end: 'process.exit(5)',
    die: 'console.log("bye"); process.kill(process.pid, "SIGKILL"); while (true);',
    where: 'console.log(process.cwd(), process.env.A)',
    large: 'const held = Buffer.alloc(64 * 1024 * 1024, 1); 0',
    ordered: 'for (let i = 0; i < 50; i++) { console.log(i); display(i) }',
    text: 'hello',
  },
} satisfies Record<AgentName, Record<string, string>>

async function open(agent: Agent, context: string, more: object = {}): Promise<Call> {
  const call = agent.open({ op: 'open', context, ...more })
  await call.wait(`context ${context} is ready`, () => call.started !== undefined)
  return call
}

const cell = (context: string, code: string) => ({ ...run(code), context })

/** The texts of what came besides the output. */
function results(records: readonly unknown[]): unknown[] {
  return v
    .parse(v.array(v.object({ text: v.optional(v.string()) })), records)
    .map((each) => each.text)
}

const REFUSED = { ESRCH: 'ESRCH', EBUSY: 'EBUSY', EEXIST: 'EEXIST' }

describe.each(places)('contexts of a $language agent, $where', (place) => {
  const cells = CELLS[place.language]
  const folderOfTest = useFolders(place)
  let count = 0
  const newContext = async (more: object = {}) => {
    const { agent } = await folderOfTest()
    const name = `context-${++count}`
    const opened = await open(agent, name, more)
    // Twenty of them left behind would be more processes than a container may have.
    onTestFinished(async () => {
      opened.signal('SIGKILL')
      await opened.answer()
    })
    const start = (code: string, options?: { givesCredit: boolean }) =>
      agent.open(cell(name, code), options)
    const ask = (code: string) => agent.ask(cell(name, code))
    return { agent, name, opened, start, ask }
  }

  it('keep what a run has made', async () => {
    const { ask } = await newContext()
    const { records, done } = await ask(cells.set)
    expect(records).toEqual([])
    expect(done).toMatchObject({ exitCode: 0, signal: null })
    expect(done.usage?.cpuMs).toBeGreaterThanOrEqual(0)
    expect((await ask(cells.use)).records).toEqual([{ type: 'result', isMain: true, text: '42' }])
    await ask(cells.set)
    expect(results((await ask(cells.use)).records)).toEqual(['42'])
    await ask(cells.patch)
    expect(results((await ask(cells.patched)).records)).toEqual(["'patched'"])
  })

  it('have a folder and variables of their own, for all their runs', async () => {
    const { ask } = await newContext({ cwd: '/tmp', env: { A: 'ž' } })
    for (const _ of [1, 2]) expect((await ask(cells.where)).stdout.toString()).toBe('/tmp ž\n')
  })

  it('whose folder is not there are over at once', async () => {
    const { agent } = await folderOfTest()
    const context = `context-${++count}`
    const { started, done } = await agent.ask({ op: 'open', context, cwd: '/no/folder' })
    expect([started, done.exitCode]).toEqual([undefined, 1])
    expect((await agent.ask(cell(context, ''))).done.error?.code).toBe('ESRCH')
  })

  it('know nothing of each other, nor of plain runs', async () => {
    const one = await newContext()
    const other = await newContext()
    await one.ask(cells.set)
    expect(results((await other.ask(cells.isThere)).records)).toMatchObject([/false/i])
    const plain = await one.agent.ask(run(cells.isThere))
    expect(results(plain.records)).toMatchObject([/false/i])
  })

  it('go on after an error, with what was made before it', async () => {
    const { ask } = await newContext()
    const { stderr, records, done } = await ask(cells.broken)
    expect(done.exitCode).toBe(1)
    const name = place.language === 'python' ? 'ValueError' : 'RangeError'
    const traceback = expect.stringMatching(/cell-1|line 2/)
    expect(records).toMatchObject([{ type: 'error', name, message: 'no good', traceback }])
    expect(stderr).toContain('no good')
    expect(stderr).not.toMatch(/\[eval\]|node:|agent|runner|<string>/)
    expect(results((await ask(cells.after)).records)).toEqual(['1'])
    const unparsed = await ask(cells.unparsed)
    expect(unparsed.records).toMatchObject([{ type: 'error', name: 'SyntaxError' }])
    expect(unparsed.done.exitCode).toBe(1)
    expect(results((await ask(cells.after)).records)).toEqual(['1'])
  })

  it('end a run that exits, and nothing else', async () => {
    const { ask } = await newContext()
    await ask(cells.set)
    const { stderr, records, done } = await ask(cells.end)
    expect([stderr, records, done.exitCode]).toEqual(['', [], 5])
    expect(results((await ask(cells.use)).records)).toEqual(['42'])
  })

  it.each(['sleeping', 'computing', 'awaiting', 'looping'] as const)(
    'that are %s are interrupted, and keep what they have',
    async (what) => {
      const { start, ask } = await newContext()
      await ask(cells.set)
      const call = start(cells[what])
      await call.says('ready\n')
      call.signal('SIGINT')
      const { records, done } = await call.answer()
      expect([done.exitCode, done.signal ?? null]).toEqual([130, null])
      const name = place.language === 'python' ? 'KeyboardInterrupt' : 'Interrupted'
      expect(records.at(-1)).toMatchObject({ type: 'error', name })
      expect(results((await ask(cells.use)).records)).toEqual(['42'])
    },
  )

  it('take no harm from an interrupt between runs', async () => {
    const { opened, ask } = await newContext()
    await ask(cells.set)
    opened.signal('SIGINT')
    expect(results((await ask(cells.use)).records)).toEqual(['42'])
  })

  it.each(['die', 'killed'])('that %s answer the open first, then the run', async (how) => {
    const { agent, name, opened, start } = await newContext()
    const call = start(how === 'die' ? cells.die : cells.computing)
    if (how === 'killed') {
      await call.says('ready\n')
      opened.signal('SIGKILL')
    }
    const { done } = await call.answer()
    expect(done).toMatchObject({ signal: 'SIGKILL' })
    expect((await opened.answer()).done).toEqual(done)
    expect(opened.doneAt).toBeLessThan(call.doneAt)
    expect(call.text()).toBe(how === 'die' ? 'bye\n' : 'ready\n')
    expect((await agent.ask(cell(name, ''))).done.error?.code).toBe(REFUSED.ESRCH)
    await open(agent, name).then((again) => again.signal('SIGKILL'))
  })

  it('are refused where they make no sense', async () => {
    const { agent, name, start } = await newContext()
    const codeOf = async (request: object) => (await agent.ask(request)).done.error?.code
    expect(await codeOf(cell('nobody', ''))).toBe(REFUSED.ESRCH)
    expect(await codeOf({ op: 'open', context: name })).toBe(REFUSED.EEXIST)
    for (const context of ['', 7, null]) {
      expect(await codeOf({ op: 'open', context })).toBe('EINVAL')
      expect(await codeOf({ ...run(''), context })).toBe('EINVAL')
    }
    expect(await codeOf({ op: 'open' })).toBe('EINVAL')
    const call = start(cells.awaiting)
    await call.says('ready\n')
    expect(await codeOf(cell(name, ''))).toBe(REFUSED.EBUSY)
    call.signal('SIGKILL')
    await call.answer()
  })

  it('give the output between runs to the next', async () => {
    const { ask } = await newContext()
    // On a busy machine the run itself may still have it; lost it is in neither case.
    let said = (await ask(cells.background)).stdout.toString()
    await until('it has come', async () => (said += (await ask('0')).stdout.toString()) !== '')
    expect(said).toBe('late\n')
  })

  it('have a stdin at its end', async () => {
    const { start } = await newContext()
    const call = start(cells.stdin)
    void call.writeStdin('not for it')
    call.end()
    const { records, done } = await call.answer()
    expect([results(records), done.exitCode]).toEqual([["''"], 0])
  })

  it('keep output and results in their order', async () => {
    const { agent, start } = await newContext()
    const call = start(cells.ordered)
    const { stdout, records } = await call.answer()
    const numbers = Array.from({ length: 50 }, (_, index) => `${index}`)
    expect(stdout.toString()).toBe(numbers.map((each) => `${each}\n`).join(''))
    expect(results(records)).toEqual(numbers)
    let printed = ''
    for (const { id, payload } of agent.frames.filter((frame) => frame.kind === 3)) {
      if (id !== call.id) continue
      const text = payload.subarray(1).toString()
      if (payload[0] === 1) printed += text
      const [, shown] = /"text":\s*"(\d+)"/.exec(payload[0] === 3 ? text : '') ?? []
      if (shown) expect(printed.endsWith(`${shown}\n`), printed).toBe(true)
    }
  })

  it.skipIf(isSlow(place))('are many, side by side', async () => {
    const contexts = await Promise.all(Array.from({ length: 6 }, () => newContext()))
    const use = (_: unknown, index: number) => `x + ${index}`
    await Promise.all(contexts.map(({ ask }) => ask(cells.set)))
    const answers = await Promise.all(contexts.map(({ ask }, index) => ask(use(0, index))))
    expect(answers.flatMap(({ records }) => results(records))).toEqual(
      contexts.map((_, index) => `${41 + index}`),
    )
  })

  it.skipIf(isSlow(place))('that are idle for longest go where all hold too much', async () => {
    const agent = await agentOfTest(place, { contextBytes: 96 * 1024 * 1024 })
    const first = await open(agent, 'first')
    const second = await open(agent, 'second')
    await open(agent, 'third')
    await agent.ask(cell('first', cells.large))
    await agent.ask(cell('second', cells.set))
    await agent.ask(cell('second', cells.large))
    await agent.ping()
    expect(first.isOver).toBe(false) // the last one used may hold what it likes
    expect((await agent.ask(cell('third', cells.set))).done.exitCode).toBe(0)
    const late = agent.open(cell('first', cells.text))
    const isRight = (await late.answer()).done.exitCode === 0
    const { done } = await first.answer()
    expect(isRight || first.doneAt < late.doneAt).toBe(true)
    expect(done).toMatchObject({ signal: 'SIGKILL', cause: 'oom' })
    expect((await agent.ask(cell('first', ''))).done.error?.code).toBe(REFUSED.ESRCH)
    expect(results((await agent.ask(cell('second', cells.use))).records)).toEqual(['42'])
    second.signal('SIGKILL')
    await second.answer()
  })

  it.runIf(place.language === 'python')('await in a new loop where theirs is closed', async () => {
    const { ask } = await newContext()
    await ask('import asyncio\nawait asyncio.sleep(0)\nasyncio.get_event_loop().close()')
    expect(results((await ask('await asyncio.sleep(0, 6)')).records)).toEqual(['6'])
  })
})
