import { describe, expect, it } from 'vitest'
import { exec, run } from '../helpers/agent-folder.js'
import { agentOfTest, places, useFolders } from '../helpers/agent-places.js'
import type { AgentName } from '../../src/languages/built-in.js'

/** Code that prints what a variable has changed, as a program and as the body of a function `f`. */
interface Case {
  env: Record<string, string>
  code: string
  printed: string
}

/** The interpreter applies these while it is warm. */
const LIVE: Record<AgentName, Case[]> = {
  python: [
    { env: { TZ: 'EST5' }, code: 'import time; print(time.localtime(0).tm_hour)', printed: '19\n' },
    {
      env: { PYTHONPATH: 'lib:/opt/lib' },
      code: 'import sys; print(sys.path[1] == sys.path[0] + "/lib", sys.path[2])',
      printed: 'True /opt/lib\n',
    },
    {
      env: { PYTHONDONTWRITEBYTECODE: '1' },
      code: 'import sys; print(sys.dont_write_bytecode)',
      printed: 'True\n',
    },
  ],
  nodejs: [
    { env: { TZ: 'EST5' }, code: 'console.log(new Date(0).getHours())', printed: '19\n' },
    {
      env: { NODE_PATH: '/no/such' },
      code: 'console.log(require.resolve.paths("x").includes("/no/such"))',
      printed: 'true\n',
    },
  ],
}

/** The interpreter reads these at its start only. */
const AT_START: Record<AgentName, Case[]> = {
  python: [
    {
      env: { PYTHONOPTIMIZE: '1', PYTHONPATH: 'lib' },
      code: 'assert False\nimport sys; print(len([p for p in sys.path if p.endswith("/lib")]))',
      printed: '1\n',
    },
    { env: { PYTHONBREAKPOINT: '0' }, code: 'breakpoint(); print(1)', printed: '1\n' },
    { env: { PYTHONIOENCODING: 'ascii:replace' }, code: 'print("ž")', printed: '?\n' },
  ],
  nodejs: [
    {
      env: { NODE_OPTIONS: '--stack-trace-limit=3' },
      code: 'console.log(Error.stackTraceLimit)',
      printed: '3\n',
    },
    {
      env: { LC_ALL: 'de_DE.UTF-8' },
      code: 'console.log((1234.5).toLocaleString())',
      printed: '1.234,5\n',
    },
  ],
}

const BAD = {
  python: { env: { PYTHONHASHSEED: 'x' }, exitCode: 1, message: 'PYTHONHASHSEED must be' },
  nodejs: { env: { NODE_OPTIONS: '--no-such' }, exitCode: 9, message: 'is not allowed' },
}

const FUNCTION: Record<AgentName, (code: string) => string> = {
  python: (code) => `def f():\n    ${code.replaceAll('\n', '\n    ')}`,
  nodejs: (code) => `function f() { ${code} }`,
}

describe.each(places)('variables of the $language agent, $where', (place) => {
  const { language } = place
  const folderOfTest = useFolders(place)

  it.each([...LIVE[language], ...AT_START[language]])(
    '$env count in programs, calls and contexts',
    async ({ env, code, printed }) => {
      const { agent } = await folderOfTest()
      const program = await agent.ask(run(code, { env }))
      expect([program.stdout.toString(), program.stderr]).toEqual([printed, ''])
      const call = { entry: 'f', args: [], kwargs: {} }
      const called = await agent.ask({ ...run(FUNCTION[language](code), { env }), call })
      expect([called.stdout.toString(), called.stderr]).toEqual([printed, ''])
      const opened = agent.open({ op: 'open', context: 'c', env })
      await opened.wait('the context is ready', () => opened.started !== undefined)
      const cell = await agent.ask({ ...run(code), context: 'c' })
      opened.signal('SIGKILL')
      await opened.answer()
      expect([cell.stdout.toString(), cell.stderr]).toEqual([printed, ''])
    },
  )

  it('a variable with a value that the interpreter refuses ends the program alone', async () => {
    const { agent } = await folderOfTest()
    const { env, exitCode, message } = BAD[language]
    const { stderr, done } = await agent.ask(run('1', { env }))
    expect(stderr).toContain(message)
    expect(done.exitCode).toBe(exitCode)
    expect((await agent.ask(run('1'))).done.exitCode).toBe(0)
  })

  if (language === 'python') {
    it('a program with PYTHONHASHSEED has the hashes of a plain interpreter', async () => {
      const { agent } = await folderOfTest()
      const env = { PYTHONHASHSEED: '0' }
      const code = 'print(hash("a"))'
      const plain = await agent.ask({ ...exec('python3', '-c', code), env })
      expect((await agent.ask(run(code, { env }))).stdout).toEqual(plain.stdout)
    })

    it('a new interpreter has stdin, arguments, records and no trace of the agent', async () => {
      const { agent } = await folderOfTest()
      const code = [
        'import os, sys',
        'print(input(), sys.argv[1:], sys.path[0] == os.path.dirname(__file__))',
        'print(sorted(sys.modules["__main__"].__dict__), os.get_inheritable(3))',
        '6 * 7',
      ].join('\n')
      const env = { PYTHONHASHSEED: '0' }
      const warm = await agent.ask(run(code, { args: ['x'] }), 'in\n')
      const cold = await agent.ask(run(code, { args: ['x'], env }), 'in\n')
      expect([cold.stdout.toString(), cold.records]).toEqual([warm.stdout.toString(), warm.records])
      expect(cold.stdout.toString()).toMatch(/^in \['x'\] True\n.*False\n$/s)
    })
  }
})

describe.each(places.filter(({ language }) => language === 'python'))(
  'variables of libraries in the $language agent, $where',
  (place) => {
    it('a variable that a preloaded library may have read starts the program anew', async () => {
      const agent = await agentOfTest(place, { preload: ['decimal'] })
      const code = 'import sys; print("decimal" in sys.modules)'
      const isPreloaded = async (env: Record<string, string>) =>
        (await agent.ask(run(code, { env }))).stdout.toString()
      expect(await isPreloaded({ OWN: '4', OMP_NUM_THREADS: '1' })).toBe('True\n')
      expect(await isPreloaded({ OMP_NUM_THREADS: '4' })).toBe('False\n')
    })
  },
)
