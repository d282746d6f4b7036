import * as v from 'valibot'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AgentName } from '../../src/languages/built-in.js'
import { run } from '../helpers/agent-folder.js'
import type { Agent } from '../helpers/agent.js'
import type { AgentRequest } from '../helpers/agent-request.js'
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
    // In a timer: Node has no handler for SIGINT at the moment when the computation ends.
    awaiting:
      'setTimeout(() => console.log("ready")); await new Promise(() => setInterval(() => {}, 300_000))',
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

async function open(agent: Agent, context: string, more: object = {}): Promise<AgentRequest> {
  const request = agent.open({ op: 'open', context, ...more })
  await request.wait(`context ${context} is ready`, () => request.started !== undefined)
  return request
}

const cell = (context: string, code: string) => ({ ...run(code), context })

/** Returns the texts of the records. */
function results(records: readonly unknown[]): unknown[] {
  return v
    .parse(v.array(v.object({ text: v.optional(v.string()) })), records)
    .map((each) => each.text)
}

describe.each(places)('contexts of the $language agent, $where', (place) => {
  const cells = CELLS[place.language]
  const folderOfTest = useFolders(place)
  let count = 0
  const newContext = async (more: object = {}) => {
    const { agent } = await folderOfTest()
    const name = `context-${++count}`
    const opened = await open(agent, name, more)
    // Without this, twenty contexts would exceed the process limit of a container.
    onTestFinished(async () => {
      opened.signal('SIGKILL')
      await opened.answer()
    })
    const start = (code: string, options?: { grantsCredit: boolean }) =>
      agent.open(cell(name, code), options)
    const ask = (code: string) => agent.ask(cell(name, code))
    return { agent, name, opened, start, ask }
  }

  it('a context keeps the variables and changes of its runs', async () => {
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

  it('a context has one working directory and environment for all its runs', async () => {
    const { ask } = await newContext({ cwd: '/tmp', env: { A: 'ž' } })
    for (const _ of [1, 2]) expect((await ask(cells.where)).stdout.toString()).toBe('/tmp ž\n')
  })

  it('a context ends at once if its working directory does not exist', async () => {
    const { agent } = await folderOfTest()
    const context = `context-${++count}`
    const { started, done } = await agent.ask({ op: 'open', context, cwd: '/no/folder' })
    expect([started, done.exitCode]).toEqual([undefined, 1])
    expect((await agent.ask(cell(context, ''))).done.error?.code).toBe('ESRCH')
  })

  it('contexts do not share variables with each other or with plain runs', async () => {
    const one = await newContext()
    const other = await newContext()
    await one.ask(cells.set)
    expect(results((await other.ask(cells.isThere)).records)).toMatchObject([/false/i])
    const plain = await one.agent.ask(run(cells.isThere))
    expect(results(plain.records)).toMatchObject([/false/i])
  })

  it('a context survives an error and keeps the variables from before it', async () => {
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

  it('an exit ends the run and not the context', async () => {
    const { ask } = await newContext()
    await ask(cells.set)
    const { stderr, records, done } = await ask(cells.end)
    expect([stderr, records, done.exitCode]).toEqual(['', [], 5])
    expect(results((await ask(cells.use)).records)).toEqual(['42'])
  })

  it.each(['sleeping', 'computing', 'awaiting', 'looping'] as const)(
    'an interrupt ends a run that is %s, and the context keeps its variables',
    async (name) => {
      const { start, ask } = await newContext()
      await ask(cells.set)
      const request = start(cells[name])
      await request.waitForText('ready\n')
      request.signal('SIGINT')
      const { records, done } = await request.answer()
      expect([done.exitCode, done.signal ?? null]).toEqual([130, null])
      const error = place.language === 'python' ? 'KeyboardInterrupt' : 'Interrupted'
      expect(records.at(-1)).toMatchObject({ type: 'error', name: error })
      expect(results((await ask(cells.use)).records)).toEqual(['42'])
    },
  )

  it.each(['computing', 'awaiting'] as const)(
    'interrupts of a run that is %s do not end the next run',
    async (name) => {
      const { agent, start, ask } = await newContext()
      for (let round = 0; round < (isSlow(place) ? 3 : 25); round++) {
        const request = start(cells[name])
        await request.waitForText('ready\n')
        request.signal('SIGINT')
        for (let pings = round % 9; pings >= 0; pings--) await agent.ping()
        request.signal('SIGINT')
        expect((await request.answer()).done.exitCode).toBe(130)
        expect(results((await ask('41 + 1')).records)).toEqual(['42'])
      }
    },
  )

  it('an interrupt that follows its run at once ends it', async () => {
    const interrupt = async () => {
      const { agent, start, ask } = await newContext()
      await ask(cells.set)
      const [request] = agent.inOneWrite(() => {
        const one = start(cells.computing)
        one.signal('SIGINT')
        return [one]
      })
      return { ask, end: (await request?.answer())?.done }
    }
    let { ask, end } = await interrupt()
    // Node has no handler for an interrupt at the exact moment when a computation begins.
    for (let tries = 1; end?.signal === 'SIGINT' && tries < 10; tries++) {
      ;({ ask, end } = await interrupt())
    }
    expect(end?.exitCode).toBe(130)
    expect(results((await ask(cells.use)).records)).toEqual(['42'])
  })

  it('an interrupt between two runs does not end the context', async () => {
    const { opened, ask } = await newContext()
    await ask(cells.set)
    opened.signal('SIGINT')
    expect(results((await ask(cells.use)).records)).toEqual(['42'])
  })

  it.each(['die', 'killed'])('a lost context answers its open before its run: %s', async (how) => {
    const { agent, name, opened, start } = await newContext()
    const request = start(how === 'die' ? cells.die : cells.computing)
    if (how === 'killed') {
      await request.waitForText('ready\n')
      opened.signal('SIGKILL')
    }
    const { done } = await request.answer()
    expect(done).toMatchObject({ signal: 'SIGKILL' })
    expect((await opened.answer()).done).toEqual(done)
    expect(opened.doneAt).toBeLessThan(request.doneAt)
    expect(request.text()).toBe(how === 'die' ? 'bye\n' : 'ready\n')
    expect((await agent.ask(cell(name, ''))).done.error?.code).toBe('ESRCH')
    await open(agent, name).then((again) => again.signal('SIGKILL'))
  })

  it('an invalid request for a context is refused', async () => {
    const { agent, name, start } = await newContext()
    const codeOf = async (request: object) => (await agent.ask(request)).done.error?.code
    expect(await codeOf(cell('unknown', ''))).toBe('ESRCH')
    expect(await codeOf({ op: 'open', context: name })).toBe('EEXIST')
    for (const context of ['', 7, null]) {
      expect(await codeOf({ op: 'open', context })).toBe('EINVAL')
      expect(await codeOf({ ...run(''), context })).toBe('EINVAL')
    }
    expect(await codeOf({ op: 'open' })).toBe('EINVAL')
    const request = start(cells.awaiting)
    await request.waitForText('ready\n')
    expect(await codeOf(cell(name, ''))).toBe('EBUSY')
    request.signal('SIGKILL')
    await request.answer()
  })

  it('output between two runs belongs to the next run', async () => {
    const { ask } = await newContext()
    // On a busy machine the first run may still receive the output. The output is never lost.
    let output = (await ask(cells.background)).stdout.toString()
    await until('the output arrives', async () => {
      output += (await ask('0')).stdout.toString()
      return output.endsWith('\n')
    })
    expect(output).toBe('late\n')
  })

  it('the stdin of a run in a context is empty', async () => {
    const { start } = await newContext()
    const request = start(cells.stdin)
    void request.writeStdin('not for it')
    request.end()
    const { records, done } = await request.answer()
    expect([results(records), done.exitCode]).toEqual([["''"], 0])
  })

  it('output and results of a context keep their order', async () => {
    const { agent, start } = await newContext()
    const request = start(cells.ordered)
    const { stdout, records } = await request.answer()
    const numbers = Array.from({ length: 50 }, (_, index) => `${index}`)
    expect(stdout.toString()).toBe(numbers.map((each) => `${each}\n`).join(''))
    expect(results(records)).toEqual(numbers)
    let printed = ''
    for (const { id, payload } of agent.frames.filter((frame) => frame.kind === 3)) {
      if (id !== request.id) continue
      const text = payload.subarray(1).toString()
      if (payload[0] === 1) printed += text
      const [, shown] = /"text":\s*"(\d+)"/.exec(payload[0] === 3 ? text : '') ?? []
      if (shown) expect(printed.endsWith(`${shown}\n`), printed).toBe(true)
    }
  })

  it.skipIf(isSlow(place))('several contexts run at the same time', async () => {
    const contexts = await Promise.all(Array.from({ length: 6 }, () => newContext()))
    await Promise.all(contexts.map(({ ask }) => ask(cells.set)))
    const answers = await Promise.all(contexts.map(({ ask }, index) => ask(`x + ${index}`)))
    expect(answers.flatMap(({ records }) => results(records))).toEqual(
      contexts.map((_, index) => `${41 + index}`),
    )
  })

  it.skipIf(isSlow(place))(
    'the least recently used context is evicted if all contexts exceed their memory',
    async () => {
      const agent = await agentOfTest(place, { contextBytes: 96 * 1024 * 1024 })
      const first = await open(agent, 'first')
      const second = await open(agent, 'second')
      await open(agent, 'third')
      await agent.ask(cell('first', cells.large))
      await agent.ask(cell('second', cells.set))
      await agent.ask(cell('second', cells.large))
      await agent.ping()
      expect(first.isOver).toBe(false) // the most recently used context is never evicted
      expect((await agent.ask(cell('third', cells.set))).done.exitCode).toBe(0)
      const late = agent.open(cell('first', cells.text))
      const hasRun = (await late.answer()).done.exitCode === 0
      const { done } = await first.answer()
      expect(hasRun || first.doneAt < late.doneAt).toBe(true)
      expect(done).toMatchObject({ signal: 'SIGKILL', cause: 'oom' })
      expect((await agent.ask(cell('first', ''))).done.error?.code).toBe('ESRCH')
      expect(results((await agent.ask(cell('second', cells.use))).records)).toEqual(['42'])
      second.signal('SIGKILL')
      await second.answer()
    },
  )

  it.runIf(place.language === 'python')(
    'an await opens a new event loop if the old one is closed',
    async () => {
      const { ask } = await newContext()
      await ask('import asyncio\nawait asyncio.sleep(0)\nasyncio.get_event_loop().close()')
      expect(results((await ask('await asyncio.sleep(0, 6)')).records)).toEqual(['6'])
    },
  )

  it.runIf(place.language === 'python')(
    'a __future__ import holds for the later cells, and _ is the last value',
    async () => {
      const { ask } = await newContext()
      const values = async (code: string) => results((await ask(code)).records)
      await ask('from __future__ import annotations')
      expect(await values('def f(x: missing): ...\nf.__annotations__')).toEqual([
        "{'x': 'missing'}",
      ])
      await ask('None')
      await ask('5;')
      expect(await values("len(_), globals().get('_')")).toEqual(['(1, None)'])
    },
  )

  it.runIf(place.language === 'nodejs')(
    'the agent loads no module by a hook that the code has installed',
    async () => {
      const { ask } = await newContext()
      await ask(`const Module = require('node:module')
Module._load = () => { throw new Error('hooked') }
0`)
      expect(results((await ask('1')).records)).toEqual(['1'])
    },
  )
})
