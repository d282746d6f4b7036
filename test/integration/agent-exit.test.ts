import { describe, expect, it } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'

/** Leaves a file open in each place where CPython would close it at its end. */
const OPEN_FILES = `
import builtins, gzip, os, types, sys
open('helper.py', 'w').write("f = open('module', 'w'); f.write('data')")
import helper
made = sys.modules['made'] = types.ModuleType('made')
made.f = open('made', 'w'); made.f.write('data')
class A:
    f = open('class', 'w')
A.f.write('data')
def cycle():
    a = A(); a.me = a; a.own = open('cycle', 'w'); a.own.write('data')
cycle()
def closure():
    f = open('closure', 'w')
    def count(n):
        f.write('data'[n]); n < 3 and count(n + 1)
    return count
closure()(0)
def generator():
    with open('generator', 'w') as f:
        f.write('data')
        yield
running = generator(); next(running)
builtins.f = open('builtins', 'wb'); builtins.f.write(b'data')
os.zipped = gzip.open('gzip', 'wt'); os.zipped.write('data')
`
const FILES = ['builtins', 'class', 'closure', 'cycle', 'generator', 'gzip', 'made', 'module']
const READ_FILES = `import gzip, sys
for name in sys.argv[1:]: print((gzip.open if name == 'gzip' else open)(name, 'rt').read())`

/** Each program, its output, and its exit code: the same as those of the plain interpreter. */
const PROGRAMS: readonly (readonly [string, string, string, number])[] = [
  [
    'variables are deleted while the globals still exist',
    `class A:
    def __init__(self, name): self.name = name
    def __del__(self): print(self.name, word)
word = 'there'
b, a = A('b'), A('a')
cycle = A('cycle'); cycle.me = cycle; del cycle`,
    'cycle there\nb there\na there\n',
    0,
  ],
  [
    'variables of a module that nothing clears are cleared',
    `import sys, types
class A:
    def __del__(self): print('deleted')
made = sys.modules['made'] = types.ModuleType('made')
made.a = A(); sys.held = made`,
    'deleted\n',
    0,
  ],
  [
    'threads come first, then atexit, then variables',
    `import atexit, threading, weakref
class A:
    def __del__(self): print('variable')
a = A()
weakref.finalize(a, print, 'finalize'); atexit.register(print, 'atexit')
go = threading.Event()
threading.Thread(target=lambda: (go.wait(), print('thread'))).start()
print('end'); go.set()`,
    'end\nthread\natexit\nfinalize\nvariable\n',
    0,
  ],
  [
    'a standard stream that cannot be flushed gives 120',
    `import sys
class Out:
    def write(self, text): pass
    def flush(self): raise OSError('no space')
sys.stdout = Out(); sys.exit(3)`,
    '',
    120,
  ],
  ['a closed stdout is no error', 'import sys\nsys.stdout.close(); sys.exit(3)', '', 3],
  [
    'the output of C is flushed',
    `import ctypes
C = ctypes.CDLL(None); C.fopen.restype = ctypes.c_void_p
C.fputs(b'C', ctypes.c_void_p(C.fopen(b'/dev/stdout', b'w'))); print('Python')`,
    'Python\nC',
    0,
  ],
  [
    'an error of atexit does not change the exit code',
    'import atexit, sys\natexit.register(print, "second"); atexit.register(sys.exit, 4); sys.exit(3)',
    'second\n',
    3,
  ],
  [
    'a daemon thread does not fail for lack of variables',
    `import threading, time
def loop():
    while True: time.sleep(0); global_name
global_name = 5
f = open('/dev/stdout', 'w'); f.write('file')
for _ in range(3): threading.Thread(target=loop, daemon=True).start()`,
    'file',
    0,
  ],
  ...[
    'os._exit = lambda status: None',
    'del sys.stdout, sys.modules',
    'sys.modules["threading"] = None; gc.get_objects = gc.collect = None',
    'builtins.__dict__.clear()',
    'sys.stdout = type("Out", (), {"closed": property(sys.exit), "flush": lambda self: None})()',
  ].map((code): [string, string, string, number] => [
    `the process ends after ${code}`,
    `import builtins, gc, os, sys\nprint("end")\n${code}`,
    'end\n',
    0,
  ]),
]

const here = places.filter(({ language }) => language === 'python')

describe.each(here)('the end of a Python program, $where', (place) => {
  const folderOfTest = useFolders(place)

  it('files that are left open have their data', async () => {
    const { agent, path } = await folderOfTest()
    const cwd = `${agent.workspace}/${path}`
    expect((await agent.ask(run(OPEN_FILES, { cwd }))).stderr).toBe('')
    const { stdout } = await agent.ask(run(READ_FILES, { cwd, args: FILES }))
    expect(stdout.toString()).toBe('data\n'.repeat(FILES.length))
  })

  it.skipIf(isSlow(place)).each(PROGRAMS)('%s', async (_, code, output, exitCode) => {
    const { agent } = await folderOfTest()
    const { stdout, stderr, done } = await agent.ask(run(code))
    expect([stdout.toString(), done.exitCode]).toEqual([output, exitCode])
    if (exitCode === 0) expect(stderr).toBe('')
  })

  it.skipIf(isSlow(place))('a context ends in the same way', async () => {
    const folder = await folderOfTest()
    const { agent, path } = folder
    const opened = agent.open({ op: 'open', context: path, cwd: `${agent.workspace}/${path}` })
    await opened.wait('the context is open', () => opened.started !== undefined)
    const code = 'class A:\n f = open("class", "w")\nA.f.write("data")\nimport os; os.close(3)'
    await agent.ask({ op: 'run', context: path, code })
    await opened.answer()
    expect(await folder.read('class')).toBe('data')
  })

  it.skipIf(isSlow(place)).each([
    [
      'an exit of the hook for errors',
      'import sys\nsys.excepthook = lambda *_: sys.exit(3)\n1/0',
      3,
      '',
    ],
    [
      'an error of a wrong class',
      'class E(Exception): with_traceback = __traceback__ = property(lambda e: 1/0)\nraise E',
      1,
      'raise E\nE\n',
    ],
  ])('%s does not end a context', async (_, code, exitCode, printed) => {
    const { agent, path: context } = await folderOfTest()
    const opened = agent.open({ op: 'open', context })
    await opened.wait('the context is open', () => opened.started !== undefined)
    const cell = await agent.ask({ op: 'run', context, code })
    const next = await agent.ask({ op: 'run', context, code: 'print(1)' })
    opened.signal('SIGKILL')
    await opened.answer()
    expect([cell.done.exitCode, next.stdout.toString()]).toEqual([exitCode, '1\n'])
    expect(cell.stderr).toContain(printed)
  })
})
