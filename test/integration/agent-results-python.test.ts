import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'

/** A stdout that has only write() and flush(). */
const TEE =
  'import sys\nclass Tee:\n def write(self, text): return len(text)\n def flush(self): pass\nsys.stdout = Tee()\nprint("x")'
const text = (value: string, isMain = true) => ({ type: 'result', isMain, text: value })
const pythonPlaces = places.filter((place) => place.language === 'python' && !isSlow(place))

describe.each(pythonPlaces)('results of the Python agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const records = async (code: string) => {
    const { agent } = await folderOfTest()
    return (await agent.ask(run(code))).records
  }

  it('preloaded modules are loaded even if they print', async () => {
    const agent = await agentOfTest(place, { preload: ['this', 'xml.dom.minidom'] })
    const { stdout } = await agent.ask(
      run('import sys\nprint([name in sys.modules for name in ("this", "xml.dom.minidom")])'),
    )
    expect(stdout.toString()).toBe('[True, True]\n')
  })

  it.each([
    [
      'a representation',
      'class A:\n def _repr_html_(s): return "<b>"\n def __repr__(s): return "A"\nA()',
    ],
    [
      'a bundle',
      'class A:\n def _repr_mimebundle_(s, **_): return {"text/html": "<b>", "text/plain": "A"}, {}\nA()',
    ],
    [
      'an empty bundle',
      'class A:\n def _repr_mimebundle_(s, **_): return ()\n def _repr_html_(s): return "<b>"\n def __repr__(s): return "A"\nA()',
    ],
    [
      'a method that is not implemented',
      'class A:\n def _repr_html_(s): return "<b>"\n def _repr_svg_(s): raise NotImplementedError\n def __repr__(s): return "A"\nA()',
    ],
  ])('a result has the same MIME types as in IPython: %s', async (_, code) => {
    expect(await records(code)).toEqual([{ ...text('A'), html: '<b>' }])
  })

  it('the display methods of a class and of a mock are not called', async () => {
    expect(await records('class A:\n def _repr_html_(s): return "<b>"\nA')).toEqual([
      text("<class '__main__.A'>"),
    ])
    const [mock] = await records('from unittest.mock import Mock\nMock()')
    expect(mock).toEqual({ ...text(''), text: expect.stringMatching(/^<Mock/) })
  })

  it.each([
    ['6;', []],
    ['6; # no', []],
    ['(6\n)  ;', []],
    ['"a;"', [text("'a;'")]],
    ['"ž"; 6', [text('6')]],
    ['"""doc"""', [text("'doc'")]],
    [
      'from __future__ import annotations\ndef f(x: y): ...\n(lambda: f.__annotations__)()',
      [text("{'x': 'y'}")],
    ],
  ])('the result is the value of the last expression: %j', async (code, expected) => {
    expect(await records(code)).toEqual(expected)
  })

  it('an exit while the last value is shown is a note', async () => {
    const { agent } = await folderOfTest()
    const code =
      'class A:\n def _repr_html_(s): raise SystemExit(3)\n def __repr__(s): raise SystemExit(4)\nA()'
    const { stderr, records: found, done } = await agent.ask(run(code))
    expect([stderr, done.exitCode]).toEqual(['', 0])
    const notes = ['_repr_html_() failed: SystemExit: 3', 'repr() failed: SystemExit: 4']
    expect(found).toEqual([{ ...text('<repr of A failed: SystemExit: 4>'), notes }])
  })

  it.each([
    ['"x" * 45_000_000', /^'x/],
    ['{"a": [bytearray(45_000_000)]}', /^\{'a': \[bytearray\(b'/],
    ['[0] * 9_000_000', /^\[0, 0, /],
  ])('the text of a huge value is not made as a whole: %s', async (code, start) => {
    const [shown] = await records(code)
    expect(shown).toMatchObject({ text: expect.stringMatching(start) })
    expect(shown).toMatchObject({ text: expect.stringMatching(/\n\[the rest is left out\]$/) })
  })

  it('a text that takes too much memory is a note', async () => {
    const { agent } = await folderOfTest()
    const code =
      'import collections, resource\nR = collections.namedtuple("R", "data")\n' +
      'display(R(bytes(45_000_000)))\nlen(bytearray(200_000_000))'
    const { stderr, records: found } = await agent.ask(run(code))
    expect(stderr).toBe('')
    expect(found).toEqual([
      {
        ...text('', false),
        text: expect.stringMatching(/^<repr of R failed: Memory/),
        notes: [expect.any(String)],
      },
      text('200000000'),
    ])
  })

  it('a forked child of the program has no result of its own', async () => {
    const { agent } = await folderOfTest()
    const code = 'import os\npid = os.fork()\nif pid: os.wait()\ndisplay(pid == 0)\npid and 1'
    const { stdout, records: found } = await agent.ask(run(code))
    expect(stdout.toString()).toBe('True\n')
    expect(found).toEqual([text('False', false), text('1')])
  })

  it.each([
    ['that forks', 'import os\npid = os.fork()\nif pid: os.wait()'],
    ['that replaces its stdout', TEE],
    ['with a false pyplot module', 'import sys\nsys.modules["matplotlib.pyplot"] = sys'],
    ['with a very deep expression', `a = 1\nx = ${Array(2000).fill('a').join(' + ')}`],
  ])('the agent runs a program %s without an error', async (_, code) => {
    const { agent } = await folderOfTest()
    const { stderr, records: found, done } = await agent.ask(run(code))
    expect([stderr, found, done.exitCode]).toEqual(['', [], 0])
  })

  it.each([
    ['the hook for errors fails', 'import sys\nsys.excepthook = lambda *_: 1 / 0\n'],
    ['stderr is closed', 'import sys\nsys.stderr.close()\n'],
    ['unusual line ends come before', '"\f\u2028"\n'],
  ])('an error has its traceback if %s', async (_, before) => {
    const [error] = await records(`${before}raise ValueError("no good")`)
    expect(error).toMatchObject({
      name: 'ValueError',
      traceback: expect.stringContaining('    raise ValueError("no good")\n'),
    })
  })

  it('an exit whose message cannot be made has none', async () => {
    const { agent } = await folderOfTest()
    const code = 'class A:\n def __str__(self): return 1 // 0\nraise SystemExit(A())'
    const { stderr, records: found, done } = await agent.ask(run(code))
    expect([stderr, found, done.exitCode]).toEqual(['\n', [], 1])
  })

  it('a record stays complete if a signal handler displays a value', async () => {
    const code =
      'import signal\nleft = 5\ndef show(*_):\n global left\n left -= 1\n if left >= 0: display("late")\n' +
      'signal.signal(signal.SIGALRM, show)\nsignal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)\n' +
      'while left > 0: display("early")\nsignal.setitimer(signal.ITIMER_REAL, 0)\n7'
    const found = await records(code)
    expect(found.filter((one) => JSON.stringify(one).includes('late'))).toHaveLength(5)
    expect(found.at(-1)).toEqual(text('7'))
  })

  it('other requests are answered while a program floods its records', async () => {
    const { agent } = await folderOfTest()
    const flood = agent.open(run('import os\nwhile True: os.write(3, b"r\\0\\0\\0\\2{}" * 9000)'))
    await flood.wait('the first records arrive', () =>
      agent.frames.some(({ id }) => id === flood.id),
    )
    // The flood never ends, so the answers must arrive during it.
    expect((await agent.ask({ op: 'stat', path: '/' })).done.error).toBeUndefined()
    flood.signal('SIGKILL')
    expect((await flood.answer()).done.signal).toBe('SIGKILL')
  })

  it.runIf(place.where === 'runc')(
    'a program can write to the configuration folder of matplotlib',
    async () => {
      const agent = await agentOfTest(place, { preload: ['this'] })
      const code = 'import os\noct(os.stat("/tmp/.matplotlib").st_mode)'
      expect((await agent.ask(run(code))).records).toEqual([text("'0o40777'")])
    },
  )

  it('records of different threads do not mix', async () => {
    const code =
      'import threading\ndef show(n): display({"text/html": str(n) * 300000}, raw=True)\n' +
      'threads = [threading.Thread(target=show, args=(n,)) for n in range(8)]\n' +
      'for t in threads: t.start()\nfor t in threads: t.join()'
    const expected = Array.from('01234567', (n) => ({
      type: 'result',
      isMain: false,
      html: n.repeat(300_000),
    }))
    const found = await records(code)
    expect(found.length).toBe(8)
    expect(found).toEqual(expect.arrayContaining(expected))
  })

  it('each figure is displayed once and in order', async ({ skip }) => {
    const { agent } = await folderOfTest()
    const has = await agent.ask(run('import matplotlib'))
    if (has.done.exitCode !== 0) skip('the image has no matplotlib')
    const code =
      'import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\nfigure = plt.figure()\n' +
      'plt.plot([2])\ndisplay(figure)\nplt.figure()\nplt.plot([3])\nprint("end")'
    const { records: found, stderr } = await agent.ask(run(code))
    expect(stderr).toBe('')
    expect(found).toHaveLength(3)
    for (const one of found) expect(one).toMatchObject({ png: expect.stringMatching(/^iVBOR/) })
  })
})
