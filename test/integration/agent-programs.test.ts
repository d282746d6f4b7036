import { describe, expect, it } from 'vitest'
import { Stream } from '../../src/agent/protocol.js'
import type { AgentName } from '../../src/languages/built-in.js'
import { exec, run, sh } from '../helpers/agent-folder.js'
import { runsAsNobody, isSlow, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

/** The same program in both languages. */
const PROGRAMS = {
  python: {
    failing: 'import sys\nprint("out")\nsys.stderr.write("oops")\nsys.exit(3)',
    throwing: 'x = 1\nraise ValueError("no " + "good")',
    unicode: 'print("žluťoučký 🐎 \\u0000 end")',
    loud: 'import sys\nfor line in sys.stdin:\n    print(line.strip().upper(), flush=True)',
    args: 'import json, sys\nprint(json.dumps(sys.argv[1:]))',
    env: 'import os\nprint(os.environ.get("TOKEN"), os.environ.get("HOME"))',
    where: 'import os\nprint(os.getcwd())',
    suicide: 'import os\nos.kill(os.getpid(), 15)',
  },
  nodejs: {
    failing: 'console.log("out")\nprocess.stderr.write("oops")\nprocess.exit(3)',
    throwing: 'const x = 1\nthrow new Error("no " + "good")',
    unicode: 'console.log("žluťoučký 🐎 \\u0000 end")',
    loud: 'process.stdin.on("data", (text) => process.stdout.write(String(text).toUpperCase()))',
    args: 'console.log(JSON.stringify(process.argv.slice(2)))',
    env: 'console.log(process.env.TOKEN, process.env.HOME)',
    where: 'console.log(process.cwd())',
    suicide: 'process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 300_000)',
  },
} satisfies Record<AgentName, Record<string, string>>

describe.each(places)('programs of the $language agent, $where', (place) => {
  const programs = PROGRAMS[place.language]
  const folderOfTest = useFolders(place)

  describe.skipIf(isSlow(place))('code', () => {
    it('code returns its output, its exit code and its CPU time', async () => {
      const { agent } = await folderOfTest()
      const { stdout, stderr, done } = await agent.ask(run(programs.failing))
      expect([stdout.toString(), stderr, done.exitCode]).toEqual(['out\n', 'oops', 3])
      expect(done.signal ?? null).toBeNull()
      expect(done.usage?.cpuMs).toBeGreaterThanOrEqual(0)
      const text = await agent.ask(run(programs.unicode))
      expect(text.stdout.toString()).toBe('žluťoučký 🐎 \0 end\n')
    })

    it('a traceback has the lines of the user', async () => {
      const { agent } = await folderOfTest()
      const { stderr, done } = await agent.ask(run(programs.throwing))
      expect(done.exitCode).toBe(1)
      expect(stderr).toMatch(/main\.(py|js)\W.*2/)
      expect(stderr).toContain('no good')
      expect(stderr).not.toMatch(/agent|runner|<string>|\[eval\]/)
    })

    it('code runs in the workspace, or in the folder of the request', async () => {
      const { agent, path } = await folderOfTest()
      const home = await agent.ask(run(programs.where))
      expect(home.stdout.toString()).toBe(`${agent.workspace}\n`)
      const cwd = `${agent.workspace}/${path}`
      const there = await agent.ask(run(programs.where, { cwd }))
      expect(there.stdout.toString()).toBe(`${cwd}\n`)
    })

    it('code receives its arguments, and variables for one request only', async () => {
      const { agent } = await folderOfTest()
      const args = ['a b', '', '--x', 'ž']
      const printed = await agent.ask(run(programs.args, { args }))
      expect(JSON.parse(printed.stdout.toString())).toEqual(args)
      const first = await agent.ask(run(programs.env, { env: { TOKEN: 's3cret' } }))
      expect(first.stdout.toString()).toBe(`s3cret ${agent.workspace}\n`)
      const second = await agent.ask(run(programs.env))
      expect(second.stdout.toString()).not.toContain('s3cret')
    })

    it('code can answer a line before the next line arrives', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(run(programs.loud))
      let output = ''
      for (const line of ['one\n', 'two\n', 'three\n']) {
        void request.writeStdin(line)
        await request.waitForText((output += line.toUpperCase()))
      }
      expect(request.isOver).toBe(false)
      request.end()
      expect((await request.answer()).done.exitCode).toBe(0)
    })

    it('the answer has the signal that ended the code', async () => {
      const { agent } = await folderOfTest()
      const { done } = await agent.ask(run(programs.suicide))
      expect([done.exitCode ?? null, done.signal]).toEqual([null, 'SIGTERM'])
    })
  })

  describe('a command', () => {
    it('a command sends its pid before its output', async () => {
      const { agent } = await folderOfTest()
      const { started, stdout, done } = await agent.ask(sh('echo $$'))
      expect(stdout.toString()).toBe(`${started?.pid}\n`)
      expect([done.exitCode, done.signal ?? null]).toEqual([0, null])
      expect(done.usage?.cpuMs).toBeGreaterThanOrEqual(0)
    })

    it('a silent command sends its pid', async () => {
      const folder = await folderOfTest()
      const request = folder.agent.open(exec('sleep', '300'))
      await request.wait('the command has started', () => request.started !== undefined)
      expect(await folder.alive(request.started?.pid)).toEqual([request.started?.pid])
      request.signal('SIGKILL')
      expect((await request.answer()).done.signal).toBe('SIGKILL')
    })

    it.skipIf(isSlow(place))('many short commands send their pids', async () => {
      const { agent } = await folderOfTest()
      const requests = Array.from({ length: 20 }, () => agent.open(exec('true')))
      const answers = await Promise.all(requests.map((request) => request.answer()))
      expect(answers.map(({ done }) => done.exitCode)).toEqual(requests.map(() => 0))
      expect(new Set(requests.map(({ started }) => started?.pid)).size).toBe(20)
    })

    it.each([
      ['a missing program', exec('no-such-program'), 127, 'no-such-program'],
      ['a missing path', exec('/no/such/program'), 127, '/no/such/program'],
      ['a file that is not executable', exec('/etc/passwd'), 126, '/etc/passwd'],
      ['a folder', exec('/etc'), 126, '/etc'],
      ['an argument that is too long', exec('/bin/echo', 'x'.repeat(3_000_000)), 126, '/bin/echo'],
      ['a missing working directory', sh('true', { cwd: '/no/folder' }), 127, '/no/folder'],
      ['a file as working directory', sh('true', { cwd: '/etc/passwd' }), 126, ''],
    ])(
      'a command with %s sends no started, and stderr has the reason',
      async (_, request, exitCode, reason) => {
        const { agent } = await folderOfTest()
        const answer = await agent.ask(request)
        expect(answer).toMatchObject({ started: undefined, stdout: Buffer.alloc(0) })
        expect(answer.stderr).not.toBe('')
        expect(answer.stderr).toContain(reason)
        expect(answer.done).toMatchObject({ exitCode })
        expect((await agent.ask(exec('true'))).done.exitCode).toBe(0)
      },
    )

    it('a command may exit with 127 itself', async () => {
      const { agent } = await folderOfTest()
      const { started, done } = await agent.ask(sh('exit 127'))
      expect([started, done.exitCode]).toEqual([{ pid: expect.any(Number) }, 127])
    })

    it('a command runs in the workspace with the variables of the agent and the request', async () => {
      const folder = await folderOfTest()
      const { agent } = folder
      const script = 'pwd; echo "${PATH:+a path}" "$HOME" "$A"'
      const inWorkspace = await agent.ask(sh(script, { env: { A: 'ž = $B' } }))
      const home = agent.workspace
      expect(inWorkspace.stdout.toString()).toBe(`${home}\na path ${home} ž = $B\n`)
      const inRoot = await agent.ask(sh(script, { cwd: '/', env: { PATH: '', HOME: '/x' } }))
      expect(inRoot.stdout.toString()).toBe(`/\n /x \n`)
    })

    it('a command can open /dev/stdout and /dev/stderr', async () => {
      const { agent } = await folderOfTest()
      const { stdout, stderr } = await agent.ask(sh('echo o > /dev/stdout; echo e > /dev/stderr'))
      expect([stdout.toString(), stderr]).toEqual(['o\n', 'e\n'])
    })

    it.runIf(runsAsNobody(place))('a command runs as nobody without further groups', async () => {
      const folder = await folderOfTest()
      expect(await folder.sh('id -u; id -g; id -G')).toBe('65534\n65534\n65534\n')
    })

    it('a command ends even if a child in the background holds its stdout', async () => {
      const folder = await folderOfTest()
      const child = Number(await folder.sh('sleep 300 & echo $!'))
      expect(await folder.alive(child)).toEqual([child])
      await folder.sh(`kill -KILL ${child}`)
    })
  })

  describe('a signal', () => {
    it.each(isSlow(place) ? ['SIGINT'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGWINCH'])(
      '%s reaches a handler of the program',
      async (name) => {
        const folder = await folderOfTest()
        const trap = `trap 'echo got it; exit 5' ${name.slice(3)}`
        // A shell that waits for input could miss a signal that arrives just before it waits.
        const request = folder.start(`${trap}; echo ready; while :; do :; done`)
        await request.waitForText('ready\n')
        request.signal(name)
        const { stdout, done } = await request.answer()
        expect(stdout.toString()).toMatch(/^ready\n(got it\n)+$/)
        expect(done.exitCode).toBe(5)
      },
    )

    it.skipIf(isSlow(place))('each signal is delivered once', async () => {
      const folder = await folderOfTest()
      const count = 'n=0; trap "n=\\$((n+1)); echo \\$n" USR1; echo 0'
      const request = folder.start(`${count}; while :; do :; done`)
      const last = () => Number(request.text().trim().split('\n').at(-1) || -1)
      await request.wait('the program is ready', () => last() === 0)
      for (let sent = 1; sent <= 100; sent++) {
        request.signal('SIGUSR1')
        await request.wait('the signal arrives', () => last() >= sent)
      }
      await folder.sh('true')
      expect(last()).toBe(100)
      request.signal('SIGKILL')
      await request.answer()
    })

    it.skipIf(isSlow(place)).each(['SIGTERM', 'SIGKILL', 'SIGQUIT'])(
      '%s ends a program, and the answer names it',
      async (name) => {
        const { agent } = await folderOfTest()
        const request = agent.open(exec('cat'))
        void request.writeStdin('runs')
        await request.waitForText('runs')
        request.signal(name)
        const { done } = await request.answer()
        expect([done.exitCode ?? null, done.signal]).toEqual([null, name])
      },
    )

    it('SIGSTOP stops a program and SIGCONT continues it', async () => {
      const folder = await folderOfTest()
      const request = folder.agent.open(exec('cat'))
      void request.writeStdin('one ')
      await request.waitForText('one ')
      request.signal('SIGSTOP')
      const state = () => folder.sh(`cut -d' ' -f3 /proc/${request.started?.pid}/stat`)
      // gVisor does not have the state T.
      if (place.where !== 'runsc')
        await until('the program is stopped', async () => (await state()) === 'T\n')
      void request.writeStdin('two ')
      await folder.sh('true')
      expect(request.text()).toBe('one ')
      request.signal('SIGCONT')
      await request.waitForText('one two ')
      request.end()
      expect((await request.answer()).done.exitCode).toBe(0)
    })

    it('a signal with an unknown name is ignored', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(exec('cat'))
      void request.writeStdin('one ')
      await request.waitForText('one ')
      const names = ['SIGNOPE', 'SIG_BLOCK', 'SIG_DFL', '', '9', '\t', '\0', 'ž', 'constructor']
      for (const name of [...names, '__proto__', 'S'.repeat(60_000)]) request.signal(name)
      void request.writeStdin('two')
      request.end()
      const { stdout, done } = await request.answer()
      expect([stdout.toString(), done.exitCode]).toEqual(['one two', 0])
    })

    it('SIGKILL reaches all descendants of the program, even in other sessions', async () => {
      const folder = await folderOfTest()
      const script = 'trap "" TERM; setsid sleep 300 & echo $!; sleep 300 & echo $!; wait'
      const request = folder.start(script)
      const pids = () => request.text().split('\n').filter(Boolean).map(Number)
      await request.wait('both pids are printed', () => pids().length === 2)
      const names = pids().map((pid) => `/proc/${pid}/comm`)
      const commands = () => folder.sh(`cat ${names.join(' ')}`)
      await until('both commands run', async () => (await commands()) === 'sleep\nsleep\n')
      request.signal('SIGKILL')
      expect((await request.answer()).done.signal).toBe('SIGKILL')
      await until(
        'all processes have ended',
        async () => (await folder.alive(request.started?.pid, ...pids())).length === 0,
      )
    })

    // gVisor sends SIGHUP to a stopped group that a process leaves: the process can lose its parent
    // before the agent has seen it.
    it.skipIf(place.where === 'runsc')(
      'SIGKILL leaves none of the processes that the program starts at the same moment',
      async () => {
        const folder = await folderOfTest()
        const left = () =>
          folder.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ac '[3]01.5' || :")
        const script = 'echo on; for i in $(seq 60); do setsid sleep 301.5 & done; wait'
        for (let round = 0; round < 10; round++) {
          const request = folder.start(script)
          await request.waitForText('on\n')
          request.signal('SIGKILL')
          expect((await request.answer()).done.signal).toBe('SIGKILL')
          await until('all processes have ended', async () => (await left()) === '0\n')
        }
      },
    )

    it('SIGKILL ends code', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(run(programs.loud))
      void request.writeStdin('runs\n')
      await request.waitForText('RUNS\n', Stream.stdout)
      request.signal('SIGKILL')
      expect((await request.answer()).done).toMatchObject({ signal: 'SIGKILL' })
    })
  })
})
