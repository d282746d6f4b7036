import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'

const FRAME = /^ {2}File "\S+\/main\.py", line 2, in <module>\n.*\n$/

/** Programs that look at the frames below their own: name, code, output. */
const PROGRAMS: readonly (readonly [string, string, string | RegExp])[] = [
  ['print_stack()', 'import traceback\ntraceback.print_stack()', FRAME],
  [
    'the end of the frames',
    'import inspect, sys\nprint(sys._getframe().f_back, len(inspect.stack()))',
    'None 1\n',
  ],
  [
    'a warning of the caller',
    'import warnings\nwarnings.warn("careful", stacklevel=2)',
    'sys:1: UserWarning: careful\n',
  ],
  [
    'a profile until the end',
    'import sys\nsys.setprofile(lambda frame, event, _: print(event, frame.f_code.co_name, flush=True))',
    'return <module>\n',
  ],
  [
    'its names',
    'a = 1\nimport atexit\nnames = lambda: print([name for name in globals() if name[:2] != "__"])\natexit.register(names)\n7',
    "['a', 'atexit', 'names']\n",
  ],
  [
    'the hooks of the interpreter',
    'import sys\nprint(sys.excepthook is sys.__excepthook__, hasattr(sys, "last_value"), sys.exc_info()[0])',
    'True False None\n',
  ],
]

/** Programs with a value: name, code, text of the value. */
const VALUES: readonly (readonly [string, string, string | undefined])[] = [
  ['a docstring', '"""text"""', "'text'"],
  ['a docstring and a value', '"""text"""\nfrom __future__ import annotations\n__doc__', "'text'"],
  ['a value that cannot be hashed', '[1]', '[1]'],
  ['a value after an await', 'import asyncio\nawait asyncio.sleep(0)\n5', '5'],
  ['a semicolon', '5;', undefined],
]

const pythonPlaces = places.filter(({ language }) => language === 'python')

describe.each(pythonPlaces)('plain programs of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const few = isSlow(place)

  it.each(few ? PROGRAMS.slice(0, 3) : PROGRAMS)('a program sees %s', async (_, code, output) => {
    const { agent } = await folderOfTest()
    const { stdout, stderr, done } = await agent.ask(run(code))
    expect(done.exitCode).toBe(0)
    const text = stdout.toString() + stderr
    if (typeof output === 'string') expect(text).toBe(output)
    else expect(text).toMatch(output)
  })

  it.skipIf(few).each(VALUES)('a program may have %s', async (_, code, text) => {
    const { agent } = await folderOfTest()
    const { stderr, records } = await agent.ask(run(code))
    const results = text === undefined ? [] : [{ type: 'result', isMain: true, text }]
    expect([stderr, records]).toEqual(['', results])
  })

  it.each(
    few
      ? ['raise KeyboardInterrupt']
      : [
          'raise KeyboardInterrupt',
          'import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass',
          'import asyncio\nawait asyncio.sleep(0)\nraise KeyboardInterrupt',
        ],
  )('an uncaught interrupt ends a program by its signal: %j', async (code) => {
    const { agent } = await folderOfTest()
    const { stderr, records, done } = await agent.ask(run(code))
    expect(stderr).toMatch(/^Traceback [^]*\nKeyboardInterrupt\n$/)
    expect(records).toMatchObject([{ type: 'error', name: 'KeyboardInterrupt' }])
    expect([done.exitCode, done.signal]).toEqual([null, 'SIGINT'])
  })

  it.skipIf(few)(
    'an error counts if the program has a class BaseException of its own',
    async () => {
      const { agent } = await folderOfTest()
      const own = 'import sys\nclass BaseException(Exception): pass\n'
      const failed = await agent.ask(run(`${own}1 / 0`))
      expect(failed.records).toMatchObject([{ type: 'error', name: 'ZeroDivisionError' }])
      const left = await agent.ask(run(`${own}sys.exit(3)`))
      expect([left.stderr, left.done.exitCode]).toEqual(['', 3])
    },
  )
})
