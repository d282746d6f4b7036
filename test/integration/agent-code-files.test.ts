import { describe, expect, it } from 'vitest'
import type { AgentName } from '../../src/languages/built-in.js'
import { exec, Folder, run } from '../helpers/agent-folder.js'
import {
  agentOfTest,
  isSlow,
  ownFolderOfTest,
  places,
  runsAsNobody,
  useFolders,
} from '../helpers/agent-places.js'

/** The same programs in both languages. */
const PROGRAMS = {
  python: {
    file: 'main.py',
    runsItself: `import subprocess, sys
if len(sys.argv) > 1: sys.exit(print('child'))
print(subprocess.run([sys.executable, __file__, 'x'], capture_output=True, text=True).stdout)`,
    waits:
      'import sys; print(open(__file__).readlines()[-1], flush=True); sys.stdin.read()\n# NAME',
    fails: '1 / 0  # this line',
    overwrites: 'open(__file__, "w").write("mine")',
    makesPipe: 'import os; os.unlink(__file__); os.mkfifo(__file__)',
    importsMain: 'import main; print(main.x)',
    users: 'x = 5',
  },
  nodejs: {
    file: 'main.js',
    runsItself: `const { execFileSync } = require('child_process')
if (process.argv.length > 2) console.log('child')
else console.log(String(execFileSync(process.execPath, [__filename, 'x'])))`,
    waits: `const fs = require('fs')
console.log(fs.readFileSync(__filename, 'utf8').split('\\n').at(-1))
fs.readFileSync(0) // NAME`,
    fails: 'throw Error("x") // this line',
    overwrites: 'require("fs").writeFileSync(__filename, "mine")',
    makesPipe:
      'require("fs").unlinkSync(__filename); require("child_process").execFileSync("mkfifo", [__filename])',
    importsMain: 'console.log(require("./main.js").x)',
    users: 'exports.x = 5',
  },
} satisfies Record<AgentName, Record<string, string>>

/** Python programs, and what they print. The plain interpreter prints the same. */
const PYTHON_PROGRAMS: readonly (readonly [string, string, RegExp])[] = [
  [
    'an error of a thread',
    'import threading\nthreading.Thread(target=lambda: 1 / 0).start()',
    /line 2, in <lambda>\n +threading\.Thread\(target=lambda: 1 \/ 0\)/,
  ],
  [
    'an error of an object that is deleted',
    'class A:\n def __del__(self): 1 / 0\na = A()',
    /line 2, in __del__\n +def __del__\(self\): 1 \/ 0\n/,
  ],
  ['a return outside a function', 'x = 1\nreturn x', /line 2\n +return x\n/],
  ['a name that is nearly right', 'length = 1\nprint(lenght)', /Did you mean: 'length'\?\n/],
  [
    'the source of a class',
    'import inspect, sys\nclass A:\n  x = 1\nprint(inspect.getsource(A), file=sys.stderr)',
    /^class A:\n {2}x = 1\n/,
  ],
  [
    'the variables of a program',
    'import sys\nprint(__cached__, __annotations__, __loader__.get_filename() == __file__, file=sys.stderr)',
    /^None \{\} True\n$/,
  ],
]

const POOLS = `import multiprocessing, sys
def square(x): return x * x
if __name__ == '__main__':
    multiprocessing.set_start_method(sys.argv[1])
    with multiprocessing.Pool(1) as pool: print(pool.map(square, [7]))`

describe.each(places)('the file of code of the $language agent, $where', (place) => {
  const programs = PROGRAMS[place.language]
  const folderOfTest = useFolders(place)
  const cwdOf = ({ agent, path }: Folder) => ({ cwd: `${agent.workspace}/${path}` })

  it.skipIf(isSlow(place))('a program can run its own file', async () => {
    const { agent } = await folderOfTest()
    const { stdout } = await agent.ask(run(programs.runsItself))
    expect(stdout.toString().trim()).toBe('child')
  })

  it('programs that run at once have files of their own, which nothing is left of', async () => {
    const folder = await folderOfTest()
    const running = ['one', 'two', 'three'].map((name) =>
      folder.agent.open(run(programs.waits.replace('NAME', name), cwdOf(folder))),
    )
    for (const [at, request] of running.entries()) {
      await request.wait('it has read its file', () => request.text().includes('\n'))
      expect(request.text()).toContain(['one', 'two', 'three'][at])
      if (at === 1) request.signal('SIGKILL')
      else request.end()
    }
    await Promise.all(running.map((request) => request.answer()))
    expect(await folder.tree()).toEqual([])
  })

  it.skipIf(isSlow(place))('a file of the user with its name stays as it is', async () => {
    const folder = await folderOfTest()
    await folder.write(programs.file, programs.users)
    const { stdout, stderr } = await folder.agent.ask(run(programs.importsMain, cwdOf(folder)))
    expect([stdout.toString(), stderr]).toEqual(['5\n', ''])
    await folder.agent.ask(run(programs.users, cwdOf(folder)))
    expect([await folder.tree(), await folder.read(programs.file)]).toEqual([
      [programs.file],
      programs.users,
    ])
  })

  it('a file that the program has written in its place stays', async () => {
    const folder = await folderOfTest()
    await folder.agent.ask(run(programs.overwrites, cwdOf(folder)))
    expect(await folder.read(programs.file)).toBe('mine')
  })

  it('a pipe that the program has made in its place stays', async () => {
    const folder = await folderOfTest()
    const { done } = await folder.agent.ask(run(programs.makesPipe, cwdOf(folder)))
    expect([done.exitCode, await folder.tree()]).toEqual([0, [programs.file]])
  })

  it.runIf(runsAsNobody(place))('a program runs in a folder that it cannot write', async () => {
    const { agent } = await folderOfTest()
    const { stderr } = await agent.ask(run(programs.fails, { cwd: '/' }))
    expect(stderr).toContain('this line')
    expect((await agent.ask(run(programs.runsItself, { cwd: '/' }))).stdout.toString()).toMatch(
      /^child/,
    )
  })

  it.skipIf(place.where === 'process')('a program runs if the workspace is full', async () => {
    const { agent } = await ownFolderOfTest(place) // no other test has its workspace
    await agent.ask(exec('sh', '-c', 'cat /dev/zero > big'))
    const { stderr } = await agent.ask(run(programs.fails))
    expect(stderr).toContain('this line')
    const list = await agent.ask(exec('ls', '-A', '/tmp', '/workspace'))
    expect(list.stdout.toString()).not.toContain('main')
  })
})

const pythonPlaces = places.filter(({ language }) => language === 'python')

describe.each(pythonPlaces)('the file of Python code, $where', (place) => {
  const folderOfTest = useFolders(place)

  it.skipIf(isSlow(place)).each(PYTHON_PROGRAMS)(
    'has the source lines for %s',
    async (_, code, expected) => {
      const { agent } = await folderOfTest()
      const { stderr, records } = await agent.ask(run(code))
      expect(stderr).toMatch(expected)
      expect(stderr).not.toContain('<agent>')
      for (const record of records) expect(record).toMatchObject({ traceback: stderr })
    },
  )

  it.skipIf(isSlow(place)).each(['spawn', 'forkserver'])(
    'processes of multiprocessing find the functions after %s',
    async (method) => {
      const { agent } = await folderOfTest()
      const { stdout, stderr } = await agent.ask(run(POOLS, { args: [method] }))
      expect([stdout.toString(), stderr]).toEqual(['[49]\n', ''])
    },
  )

  it('a module of the user hides the module of the library, in a program and in a context', async () => {
    const agent = await agentOfTest(place, { preload: ['json', 'random'] })
    const folder = await Folder.make(agent, 'own')
    await folder.write('random.py', 'x = "mine"')
    await folder.expectSuccess({ op: 'mkdir', path: 'json' })
    await folder.write('json/__init__.py', 'x = "package"')
    const cwd = `${agent.workspace}/${folder.path}`
    const code = 'import json, random\nprint(random.x, json.x)\n[1]'
    const printed = 'mine package\n'
    const result = { type: 'result', isMain: true, text: '[1]' }
    const program = await agent.ask(run(code, { cwd }))
    expect([program.stdout.toString(), program.records]).toEqual([printed, [result]])
    const opened = agent.open({ op: 'open', context: 'c', cwd })
    await opened.wait('the context is open', () => opened.started !== undefined)
    const cell = await agent.ask({ ...run(code), context: 'c' })
    opened.signal('SIGKILL')
    await opened.answer()
    expect([cell.stdout.toString(), cell.records]).toEqual([printed, [result]])
  })

  it('a context has the sources of all its cells, outside the workspace', async () => {
    const agent = await agentOfTest(place)
    const opened = agent.open({ op: 'open', context: 'c' })
    await opened.wait('the context is open', () => opened.started !== undefined)
    const cell = (code: string) => agent.ask({ op: 'run', context: 'c', code })
    await cell('class A:\n    x = 1\nclass B:\n    class C: y = 2')
    await cell('def fail():\n    1 / 0')
    const sources = await cell(
      'import inspect\nprint(inspect.getsource(A), inspect.getsource(B.C))',
    )
    expect(sources.stdout.toString()).toBe('class A:\n    x = 1\n     class C: y = 2\n\n')
    const late = await cell(
      'import threading\nt = threading.Thread(target=fail); t.start(); t.join()',
    )
    expect(late.stderr).toMatch(/cell-2\.py", line 2, in fail\n +1 \/ 0\n/)
    expect((await cell('return 1')).stderr).toMatch(/cell-5\.py", line 1\n +return 1\n/)
    const folder = `/tmp/context-${opened.started?.pid}`
    expect((await agent.ask({ op: 'stat', path: `${folder}/cell-1.py` })).done).toEqual({})
    opened.signal('SIGKILL')
    await opened.answer()
    expect((await agent.ask({ op: 'stat', path: folder })).done.error?.code).toBe('ENOENT')
  })

  it.skipIf(isSlow(place))('no bytecode of helper modules is written', async () => {
    const folder = await folderOfTest()
    const options = { cwd: `${folder.agent.workspace}/${folder.path}` }
    await folder.write('helper.py', 'x = 5')
    const imports = 'import helper; print(helper.x)'
    const code = `import subprocess, sys\n${imports}\nsubprocess.run([sys.executable, '-c', '${imports}'])`
    const inRun = await folder.agent.ask(run(code, options))
    expect(inRun.stdout.toString()).toBe('5\n5\n')
    await folder.agent.ask({ ...exec('python3', '-c', imports), ...options })
    expect(await folder.tree()).toEqual(['helper.py'])
  })
})
