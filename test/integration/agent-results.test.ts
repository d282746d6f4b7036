import { describe, expect, it } from 'vitest'
import { Kind, Stream } from '../../src/agent/protocol.js'
import { run } from '../helpers/agent-folder.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'

/** The same program in both languages. */
const PROGRAMS = {
  python: {
    value: 'x = 6\nx * 7',
    silent: 'x = 6\nx * 7\ny = 1',
    none: 'None',
    shown: 'print("a")\ndisplay([1])\nprint("b")\n[2]',
    raw: 'display({"text/html": "<b>", "image/png": b"png", "text/x-odd": "?"}, raw=True)',
    long: 'display({"text/plain": "x" * 100000}, raw=True)',
    huge: 'display({"text/plain": "t", "text/html": "x" * 5300000}, raw=True)',
    failing:
      'class A:\n def _repr_html_(s): return "<b>"\n def __repr__(s): raise ValueError("no good")\nA()',
    partly:
      'class A:\n def _repr_mimebundle_(s, **_): 1/0\n def _repr_json_(s): return {1}\n def __repr__(s): return "A {}"\ndisplay(A())',
    vast: 'bytes(45_000_000)',
    throwing: 'def f():\n    raise ValueError("no " + "good")\nf()',
    leaving: 'import sys\nsys.exit(3)',
    wrong: 'x = (',
    awaiting: 'import asyncio\nx = await asyncio.sleep(0, 5)\nx + 1',
    // A window and most of a pipe, so that the program itself does not wait.
    noisy: 'print("x" * 322143)\ndisplay(1)\nprint("end")',
    closed: 'import os\nos.close(3)\ndisplay(1)\nprint("on")\n7',
    hostile: 'import os\nos.write(3, b"?" * 100)\nprint("on")',
    claiming: 'import os\nos.write(3, b"r\\xff\\xff\\xff\\xff" + b"{}")\nprint("on")',
    ending: 'import os\nos.write(3, b"e\\0\\0\\0\\x09" + b"\\0" * 9)\nprint("on")',
    cut: 'import os\nos.write(3, b"r\\0\\0\\0\\x09{")\nprint("on")',
    state: 'x = 40',
    later: 'x + 2',
    busy: 'print("busy")\nwhile True: pass',
    talking: 'print("busy")\nwhile True: display(1)',
  },
  nodejs: {
    value: 'let x = 6\nx * 7',
    silent: 'let x = 6\nx * 7\nundefined',
    none: 'undefined',
    shown: 'console.log("a")\ndisplay([1])\nconsole.log("b")\n;[2]',
    raw: 'display({ "text/html": "<b>", "image/png": Buffer.from("png"), "text/x-odd": "?" })',
    long: 'display({ "text/plain": "x".repeat(100_000) })',
    huge: 'display({ "text/plain": "t", "text/html": "x".repeat(5_300_000) })',
    failing:
      'class A {\n[Symbol.for("Jupyter.display")]() { return { "text/html": "<b>" } }\n[Symbol.for("nodejs.util.inspect.custom")]() { throw new TypeError("no good") }\n}\nnew A()',
    partly:
      'class A {\n[Symbol.for("Jupyter.display")]() { return { "application/json": 1n, get "text/html"() { throw 5 } } }\n}\ndisplay(new A())',
    vast: 'new Uint8Array(1e8)',
    throwing: 'function f() {\n  throw new TypeError("no " + "good")\n}\nf()',
    leaving: 'process.exit(3)',
    wrong: 'x = (',
    awaiting: 'const x = await Promise.resolve(5)\nx + 1',
    noisy: 'console.log("x".repeat(322_143))\ndisplay(1)\nconsole.log("end")',
    closed: 'require("fs").closeSync(3)\ndisplay(1)\nconsole.log("on")\n7',
    hostile: 'require("fs").writeSync(3, "?".repeat(100))\nconsole.log("on")',
    claiming: 'require("fs").writeSync(3, Buffer.from("72ffffffff7b7d", "hex"))\nconsole.log("on")',
    ending:
      'require("fs").writeSync(3, Buffer.from("6500000002" + "7b7d", "hex"))\nconsole.log("on")',
    cut: 'require("fs").writeSync(3, Buffer.from("72000000097b", "hex"))\nconsole.log("on")',
    state: 'let x = 40; void 0',
    later: 'x + 2',
    busy: 'console.log("busy")\nwhile (true) {}',
    talking: 'console.log("busy")\nwhile (true) display(1)',
  },
}
const text = (value: string, isMain = true) => ({ type: 'result', isMain, text: value })

describe.each(places)('results of the $language agent, $where', (place) => {
  const programs = PROGRAMS[place.language]
  const folderOfTest = useFolders(place)
  const records = async (code: string) => {
    const { agent } = await folderOfTest()
    return (await agent.ask(run(code))).records
  }

  it('the result is the value of the last expression, if there is one', async () => {
    expect(await records(programs.value)).toEqual([text('42')])
    expect(await records(programs.silent)).toEqual([])
    expect(await records(programs.none)).toEqual([])
  })

  it('a result keeps its order relative to the output', async () => {
    const { agent } = await folderOfTest()
    const request = agent.open(run(programs.shown))
    const { stdout, records: found, done } = await request.answer()
    expect([stdout.toString(), done.exitCode]).toEqual(['a\nb\n', 0])
    expect(found).toEqual([
      expect.objectContaining({ isMain: false }),
      expect.objectContaining({ isMain: true }),
    ])
    const frames = agent.frames.filter(({ kind, id }) => kind === Kind.data && id === request.id)
    expect(streamsOf(frames)).toBe('1313')
  })

  it('a result waits until the output before it is read', async () => {
    const folder = await folderOfTest()
    const { agent } = folder
    const request = agent.open(run(programs.noisy), { grantsCredit: false })
    await request.waitForBytes(262_144)
    await folder.sh('sleep 0.1') // long enough for a premature result
    expect(request.received(Stream.records)).toBe(0)
    request.grant(100_000)
    const answer = await request.answer()
    expect(answer.stdout).toHaveLength(322_148)
    expect(answer.records).toEqual([text('1', false)])
    const frames = agent.frames.filter(({ kind, id }) => kind === Kind.data && id === request.id)
    expect(streamsOf(frames)).toBe('131')
  })

  it.skipIf(isSlow(place))('a result can have several MIME types', async () => {
    expect(await records(programs.raw)).toEqual([
      expect.objectContaining({ html: '<b>', png: Buffer.from('png').toString('base64') }),
    ])
  })

  it.skipIf(isSlow(place))('a long text is truncated, and other long data is omitted', async () => {
    const end = '\n[34514 characters left out]'
    expect(await records(programs.long)).toEqual([text('x'.repeat(65_486) + end, false)])
    expect(await records(programs.huge)).toEqual([{ ...text('t', false), omitted: ['html'] }])
  })

  it('a representation that fails is a note, and the program does not fail', async () => {
    const { agent } = await folderOfTest()
    const { records: found, stderr, done } = await agent.ask(run(programs.failing))
    const note = expect.stringMatching(/^(repr|util\.inspect)\(\) failed: .*Error: no good$/)
    const instead = expect.stringMatching(/^<.* of A failed: .*Error: no good>$/)
    expect(found).toEqual([{ ...text(''), text: instead, html: '<b>', notes: [note] }])
    expect([stderr, done.exitCode]).toEqual(['', 0])
    const [shown] = (await agent.ask(run(programs.partly))).records
    expect(shown).toEqual({
      ...text('A {}', false),
      notes: [expect.any(String), expect.any(String)],
    })
  })

  it('a huge last value does not end the program or its container', async () => {
    const { agent } = await folderOfTest()
    const { records: found, done } = await agent.ask(run(programs.vast))
    expect(found).toEqual([{ ...text(''), text: expect.stringMatching(/^(b'\\x00|Uint8Array\()/) }])
    expect(done.exitCode).toBe(0)
    expect(await records(programs.value)).toEqual([text('42')])
  })

  it('an uncaught error is a record whose traceback begins with the user’s first frame', async () => {
    const { agent } = await folderOfTest()
    const { records: found, stderr, done } = await agent.ask(run(programs.throwing))
    expect(done.exitCode).toBe(1)
    expect(found).toEqual([
      {
        type: 'error',
        name: expect.stringMatching(/^(Value|Type)Error$/),
        message: 'no good',
        traceback: expect.stringMatching(/main\.(py|js)\W/),
      },
    ])
    expect(JSON.stringify(found)).not.toMatch(/node:|agent|runner|<string>|\[eval\]/)
    expect(stderr).toContain('no good')
  })

  it.skipIf(isSlow(place))('an exit is not an error, and a syntax error is one', async () => {
    expect(await records(programs.leaving)).toEqual([])
    expect(await records(programs.wrong)).toEqual([
      expect.objectContaining({ type: 'error', name: 'SyntaxError' }),
    ])
  })

  it.skipIf(isSlow(place))('a program may use await at its top level', async () => {
    expect(await records(programs.awaiting)).toEqual([text('6')])
  })

  it.skipIf(isSlow(place)).each(['closed', 'hostile', 'claiming', 'ending', 'cut'] as const)(
    'the agent ignores invalid bytes on the stream of the records: %s',
    async (name) => {
      const { agent } = await folderOfTest()
      const { stdout, stderr, records: found, done } = await agent.ask(run(programs[name]))
      expect([stdout.toString(), stderr, found, done.exitCode]).toEqual(['on\n', '', [], 0])
      expect(await records(programs.value)).toEqual([text('42')])
    },
  )

  describe('a context', () => {
    it('a run in a context uses the variables of an earlier run', async () => {
      const { agent } = await folderOfTest()
      const opened = await openContext(agent, 'builds')
      expect((await agent.ask({ ...run(programs.state), context: 'builds' })).records).toEqual([])
      const { records: found, done } = await agent.ask({
        ...run(programs.later),
        context: 'builds',
      })
      expect(found).toEqual([text('42')])
      expect(done).toMatchObject({ exitCode: 0, usage: { cpuMs: expect.any(Number) } })
      opened.signal('SIGKILL')
      expect((await opened.answer()).done.signal).toBe('SIGKILL')
      const afterKill = await agent.ask({ ...run(programs.later), context: 'builds' })
      expect(afterKill.done.error?.code).toBe('ESRCH')
    })

    it('a context has one run at a time, and its name is unique', async () => {
      const { agent } = await folderOfTest()
      const opened = await openContext(agent, 'once')
      const again = await agent.ask({ op: 'open', context: 'once' })
      expect(again.done.error?.code).toBe('EEXIST')
      const request = agent.open({ ...run(programs.busy), context: 'once' })
      await request.waitForText('busy\n')
      const other = await agent.ask({ ...run(programs.value), context: 'once' })
      expect(other.done.error?.code).toBe('EBUSY')
      opened.signal('SIGKILL')
      const [first, second] = [await opened.answer(), await request.answer()]
      expect(second.done).toEqual(first.done)
      expect(opened.doneAt).toBeLessThan(request.doneAt)
    })

    it.skipIf(isSlow(place)).each(['busy', 'talking'] as const)(
      'a context survives an interrupt: %s',
      async (name) => {
        const { agent } = await folderOfTest()
        const opened = await openContext(agent, name)
        await agent.ask({ ...run(programs.state), context: name })
        const request = agent.open({ ...run(programs[name]), context: name })
        await request.waitForText('busy\n')
        request.signal('SIGINT')
        const { records: found, done } = await request.answer()
        expect(done.exitCode).toBe(130)
        expect(found.at(-1)).toMatchObject({
          type: 'error',
          name: place.language === 'python' ? 'KeyboardInterrupt' : 'Interrupted',
        })
        const { records: later } = await agent.ask({ ...run(programs.later), context: name })
        expect(later).toEqual([text('42')])
        opened.signal('SIGKILL')
        await opened.answer()
      },
    )

    it.each([[{ op: 'open', context: '' }], [{ op: 'open', context: 7 }], [{ op: 'open' }]])(
      'a context needs a name: %j',
      async (request) => {
        const { agent } = await folderOfTest()
        expect((await agent.ask(request)).done.error?.code).toBe('EINVAL')
      },
    )
  })

  it.skipIf(isSlow(place))('hello names a preload that cannot be loaded', async () => {
    const agent = await agentOfTest(place, { preload: ['no_such_module'] })
    expect(agent.hello?.failed).toMatchObject({
      preload: 'no_such_module',
      message: expect.stringContaining('no_such_module'),
    })
    expect(agent.hello?.failed?.message).not.toContain('\n')
  })
})

async function openContext(
  agent: Awaited<ReturnType<ReturnType<typeof useFolders>>>['agent'],
  name: string,
) {
  const request = agent.open({ op: 'open', context: name })
  await request.wait('the context is open', () => request.started !== undefined)
  return request
}

/** Returns the numbers of the streams in the order of their frames, without repetitions. */
function streamsOf(frames: readonly { payload: Buffer }[]): string {
  return frames
    .map(({ payload }) => payload[0])
    .join('')
    .replace(/(.)\1+/g, '$1')
}
