import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'

/** A stdout that can no more than write. */
const TEE =
  'import sys\nclass Tee:\n def write(self, text): return len(text)\n def flush(self): pass\nsys.stdout = Tee()\nprint("x")'
const text = (value: string, isMain = true) => ({ type: 'result', isMain, text: value })
const itsPlaces = places.filter((place) => place.language === 'python' && !isSlow(place))

describe.each(itsPlaces)('what only Python shows, $where', (place) => {
  const folderOfTest = useFolders(place)
  const records = async (code: string) => {
    const { agent } = await folderOfTest()
    return (await agent.ask(run(code))).records
  }

  it('finds preloaded modules loaded, whatever they print', async () => {
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
      'one that gives nothing',
      'class A:\n def _repr_mimebundle_(s, **_): return ()\n def _repr_html_(s): return "<b>"\n def __repr__(s): return "A"\nA()',
    ],
    [
      'one that fails',
      'class A:\n def _repr_html_(s): return "<b>"\n def _repr_svg_(s): 1/0\n def __repr__(s): return "A"\nA()',
    ],
  ])('asks as IPython does: %s', async (_, code) => {
    expect(await records(code)).toEqual([{ ...text('A'), html: '<b>' }])
  })

  it('asks no class, and no mock', async () => {
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
  ])('has the last word right: %j', async (code, expected) => {
    expect(await records(code)).toEqual(expected)
  })

  it('speaks for the program alone, not for its forks', async () => {
    const { agent } = await folderOfTest()
    const code = 'import os\npid = os.fork()\nif pid: os.wait()\ndisplay(pid == 0)\npid and 1'
    const { stdout, records: found } = await agent.ask(run(code))
    expect(stdout.toString()).toBe('True\n')
    expect(found).toEqual([text('False', false), text('1')])
  })

  it.each([
    ['in a forked child', 'import os\npid = os.fork()\nif pid: os.wait()'],
    ['on its own kind of stdout', TEE],
    ['with a pyplot that is none', 'import sys\nsys.modules["matplotlib.pyplot"] = sys'],
    ['deeper than trees can be', `a = 1\nx = ${Array(2000).fill('a').join(' + ')}`],
  ])('takes no harm from a program %s', async (_, code) => {
    const { agent } = await folderOfTest()
    const { stderr, records: found, done } = await agent.ask(run(code))
    expect([stderr, found, done.exitCode]).toEqual(['', [], 0])
  })

  it.each([
    ['the hook for errors fails', 'import sys\nsys.excepthook = lambda *_: 1 / 0\n'],
    ['stderr is closed', 'import sys\nsys.stderr.close()\n'],
    ['odd line ends come before', '"\f\u2028"\n'],
  ])('is an error where %s', async (_, before) => {
    const [error] = await records(`${before}raise ValueError("no good")`)
    expect(error).toMatchObject({
      name: 'ValueError',
      traceback: expect.stringContaining('    raise ValueError("no good")\n'),
    })
  })

  it('is an error where it cannot say why it exits', async () => {
    const code = 'class A:\n def __str__(self): return 1 // 0\nraise SystemExit(A())'
    expect(await records(code)).toEqual([expect.objectContaining({ name: 'ZeroDivisionError' })])
  })

  it('comes whole where signals come', async () => {
    const code =
      'import signal\nleft = 5\ndef show(*_):\n global left\n left -= 1\n if left >= 0: display("late")\n' +
      'signal.signal(signal.SIGALRM, show)\nsignal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)\n' +
      'while left > 0: display("early")\nsignal.setitimer(signal.ITIMER_REAL, 0)\n7'
    const found = await records(code)
    expect(found.filter((one) => JSON.stringify(one).includes('late'))).toHaveLength(5)
    expect(found.at(-1)).toEqual(text('7'))
  })

  it('lets others have their turn where a program floods', async () => {
    const { agent } = await folderOfTest()
    const flood = agent.open(run('import os\nwhile True: os.write(3, b"r\\0\\0\\0\\2{}" * 9000)'))
    await flood.wait('it floods', () => agent.frames.some(({ id }) => id === flood.id))
    // The flood has no end: both are answered in its midst, or never.
    expect((await agent.ask({ op: 'stat', path: '/' })).done.error).toBeUndefined()
    flood.signal('SIGKILL')
    expect((await flood.answer()).done.signal).toBe('SIGKILL')
  })

  it.runIf(place.where === 'runc')('lets a preload write to matplotlib’s folder', async () => {
    const agent = await agentOfTest(place, { preload: ['this'] })
    const code = 'import os\noct(os.stat("/tmp/.matplotlib").st_mode)'
    expect((await agent.ask(run(code))).records).toEqual([text("'0o40777'")])
  })

  it('keeps what threads show apart', async () => {
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

  it('shows figures once, in their place', async ({ skip }) => {
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
