import { describe, expect, it } from 'vitest'
import { Stream } from '../../src/agent/protocol.js'
import type { AgentName } from '../../src/languages/built-in.js'
import { exec, run, sh } from '../helpers/agent-folder.js'
import { isNobody, isSlow, places, useFolders } from '../helpers/agent-places.js'
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

describe.each(places)('programs of a $language agent, $where', (place) => {
  const programs = PROGRAMS[place.language]
  const folderOfTest = useFolders(place)

  describe.skipIf(isSlow(place))('as code', () => {
    it('give their output, their exit code and what they used', async () => {
      const { agent } = await folderOfTest()
      const { stdout, stderr, done } = await agent.ask(run(programs.failing))
      expect([stdout.toString(), stderr, done.exitCode]).toEqual(['out\n', 'oops', 3])
      expect(done.signal ?? null).toBeNull()
      expect(done.usage?.cpuMs).toBeGreaterThanOrEqual(0)
      const text = await agent.ask(run(programs.unicode))
      expect(text.stdout.toString()).toBe('žluťoučký 🐎 \0 end\n')
    })

    it('say where they failed, in lines of the user', async () => {
      const { agent } = await folderOfTest()
      const { stderr, done } = await agent.ask(run(programs.throwing))
      expect(done.exitCode).toBe(1)
      expect(stderr).toMatch(/main\.(py|js)\W.*2/)
      expect(stderr).toContain('no good')
      expect(stderr).not.toMatch(/agent|runner|<string>|\[eval\]/)
    })

    it('have the workspace as their folder, or the one they are given', async () => {
      const { agent, path } = await folderOfTest()
      const home = await agent.ask(run(programs.where))
      expect(home.stdout.toString()).toBe(`${agent.workspace}\n`)
      const cwd = `${agent.workspace}/${path}`
      const there = await agent.ask(run(programs.where, { cwd }))
      expect(there.stdout.toString()).toBe(`${cwd}\n`)
    })

    it('are handed arguments, and variables for this call alone', async () => {
      const { agent } = await folderOfTest()
      const args = ['a b', '', '--x', 'ž']
      const given = await agent.ask(run(programs.args, { args }))
      expect(JSON.parse(given.stdout.toString())).toEqual(args)
      const first = await agent.ask(run(programs.env, { env: { TOKEN: 's3cret' } }))
      expect(first.stdout.toString()).toBe(`s3cret ${agent.workspace}\n`)
      const second = await agent.ask(run(programs.env))
      expect(second.stdout.toString()).not.toContain('s3cret')
    })

    it('answer a line before the next one is written', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(run(programs.loud))
      let said = ''
      for (const line of ['one\n', 'two\n', 'three\n']) {
        void call.writeStdin(line)
        await call.says((said += line.toUpperCase()))
      }
      expect(call.isOver).toBe(false)
      call.end()
      expect((await call.answer()).done.exitCode).toBe(0)
    })

    it('name the signal that ended them', async () => {
      const { agent } = await folderOfTest()
      const { done } = await agent.ask(run(programs.suicide))
      expect([done.exitCode ?? null, done.signal]).toEqual([null, 'SIGTERM'])
    })
  })

  describe('as commands', () => {
    it('say their pid before anything else', async () => {
      const { agent } = await folderOfTest()
      const { started, stdout, done } = await agent.ask(sh('echo $$'))
      expect(stdout.toString()).toBe(`${started?.pid}\n`)
      expect([done.exitCode, done.signal ?? null]).toEqual([0, null])
      expect(done.usage?.cpuMs).toBeGreaterThanOrEqual(0)
    })

    it('say it though they are silent', async () => {
      const folder = await folderOfTest()
      const call = folder.agent.open(exec('sleep', '300'))
      await call.wait('it has started', () => call.started !== undefined)
      expect(await folder.alive(call.started?.pid)).toEqual([call.started?.pid])
      call.signal('SIGKILL')
      expect((await call.answer()).done.signal).toBe('SIGKILL')
    })

    it.skipIf(isSlow(place))('say it though they are over at once, many of them', async () => {
      const { agent } = await folderOfTest()
      const calls = Array.from({ length: 20 }, () => agent.open(exec('true')))
      const answers = await Promise.all(calls.map((call) => call.answer()))
      expect(answers.map(({ done }) => done.exitCode)).toEqual(calls.map(() => 0))
      expect(new Set(calls.map(({ started }) => started?.pid)).size).toBe(20)
    })

    it.each([
      ['a program that is not there', exec('no-such-program'), 127, 'no-such-program'],
      ['a path that is not there', exec('/no/such/program'), 127, '/no/such/program'],
      ['a file that is no program', exec('/etc/passwd'), 126, '/etc/passwd'],
      ['a folder', exec('/etc'), 126, '/etc'],
      ['an argument that is too long', exec('/bin/echo', 'x'.repeat(3_000_000)), 126, '/bin/echo'],
      ['a folder to be in that is not there', sh('true', { cwd: '/no/folder' }), 127, '/no/folder'],
      ['a file to be in', sh('true', { cwd: '/etc/passwd' }), 126, ''],
    ])('that are %s have no started, and say why', async (_, request, exitCode, why) => {
      const { agent } = await folderOfTest()
      const answer = await agent.ask(request)
      expect(answer).toMatchObject({ started: undefined, stdout: Buffer.alloc(0) })
      expect(answer.stderr).not.toBe('')
      expect(answer.stderr).toContain(why)
      expect(answer.done).toMatchObject({ exitCode })
      expect((await agent.ask(exec('true'))).done.exitCode).toBe(0)
    })

    it('exit with 127 of their own all the same', async () => {
      const { agent } = await folderOfTest()
      const { started, done } = await agent.ask(sh('exit 127'))
      expect([started, done.exitCode]).toEqual([{ pid: expect.any(Number) }, 127])
    })

    it('have the workspace as their folder, the agent’s variables, and those of the call', async () => {
      const folder = await folderOfTest()
      const { agent } = folder
      const script = 'pwd; echo "${PATH:+a path}" "$HOME" "$A"'
      const mine = await agent.ask(sh(script, { env: { A: 'ž = $B' } }))
      const home = agent.workspace
      expect(mine.stdout.toString()).toBe(`${home}\na path ${home} ž = $B\n`)
      const other = await agent.ask(sh(script, { cwd: '/', env: { PATH: '', HOME: '/x' } }))
      expect(other.stdout.toString()).toBe(`/\n /x \n`)
    })

    it('can open /dev/stdout and /dev/stderr', async () => {
      const { agent } = await folderOfTest()
      const { stdout, stderr } = await agent.ask(sh('echo o > /dev/stdout; echo e > /dev/stderr'))
      expect([stdout.toString(), stderr]).toEqual(['o\n', 'e\n'])
    })

    it.runIf(isNobody(place))('are nobody, in no group', async () => {
      const folder = await folderOfTest()
      expect(await folder.sh('id -u; id -g; id -G')).toBe('65534\n65534\n65534\n')
    })

    it('are over when they are, though a child in the background holds their stdout', async () => {
      const folder = await folderOfTest()
      const child = Number(await folder.sh('sleep 300 & echo $!'))
      expect(await folder.alive(child)).toEqual([child])
      await folder.sh(`kill -KILL ${child}`)
    })
  })

  describe('and signals', () => {
    it.each(isSlow(place) ? ['SIGINT'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGWINCH'])(
      '%s comes to a handler',
      async (name) => {
        const folder = await folderOfTest()
        const trap = `trap 'echo got it; exit 5' ${name.slice(3)}`
        // A shell that waits for input could miss what comes just before it waits.
        const call = folder.start(`${trap}; echo ready; while :; do :; done`)
        await call.says('ready\n')
        call.signal(name)
        const { stdout, done } = await call.answer()
        expect(stdout.toString()).toMatch(/^ready\n(got it\n)+$/)
        expect(done.exitCode).toBe(5)
      },
    )

    it.skipIf(isSlow(place))('come once each', async () => {
      const folder = await folderOfTest()
      const count = 'n=0; trap "n=\\$((n+1)); echo \\$n" USR1; echo 0'
      const call = folder.start(`${count}; while :; do :; done`)
      const last = () => Number(call.text().trim().split('\n').at(-1) || -1)
      await call.wait('it is ready', () => last() === 0)
      for (let sent = 1; sent <= 100; sent++) {
        call.signal('SIGUSR1')
        await call.wait('the signal has come', () => last() >= sent)
      }
      await folder.sh('true')
      expect(last()).toBe(100)
      call.signal('SIGKILL')
      await call.answer()
    })

    it.skipIf(isSlow(place)).each(['SIGTERM', 'SIGKILL', 'SIGQUIT'])(
      '%s ends a program, which says so',
      async (name) => {
        const { agent } = await folderOfTest()
        const call = agent.open(exec('cat'))
        void call.writeStdin('runs')
        await call.says('runs')
        call.signal(name)
        const { done } = await call.answer()
        expect([done.exitCode ?? null, done.signal]).toEqual([null, name])
      },
    )

    it('SIGSTOP and SIGCONT hold a program and let it go on', async () => {
      const folder = await folderOfTest()
      const call = folder.agent.open(exec('cat'))
      void call.writeStdin('one ')
      await call.says('one ')
      call.signal('SIGSTOP')
      const state = () => folder.sh(`cut -d' ' -f3 /proc/${call.started?.pid}/stat`)
      // gVisor has no such letter.
      if (place.where !== 'runsc') await until('it is held', async () => (await state()) === 'T\n')
      void call.writeStdin('two ')
      await folder.sh('true')
      expect(call.text()).toBe('one ')
      call.signal('SIGCONT')
      await call.says('one two ')
      call.end()
      expect((await call.answer()).done.exitCode).toBe(0)
    })

    it('of no name there is are ignored', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(exec('cat'))
      void call.writeStdin('one ')
      await call.says('one ')
      const names = ['SIGNOPE', 'SIG_BLOCK', 'SIG_DFL', '', '9', '\t', '\0', 'ž', 'constructor']
      for (const name of [...names, '__proto__', 'S'.repeat(60_000)]) call.signal(name)
      void call.writeStdin('two')
      call.end()
      const { stdout, done } = await call.answer()
      expect([stdout.toString(), done.exitCode]).toEqual(['one two', 0])
    })

    it('come to what descends from the program, in other sessions too', async () => {
      const folder = await folderOfTest()
      const script = 'trap "" TERM; setsid sleep 300 & echo $!; sleep 300 & echo $!; wait'
      const call = folder.start(script)
      const pids = () => call.text().split('\n').filter(Boolean).map(Number)
      await call.wait('both pids are there', () => pids().length === 2)
      expect(await folder.alive(...pids())).toHaveLength(2)
      call.signal('SIGKILL')
      expect((await call.answer()).done.signal).toBe('SIGKILL')
      await until(
        'nothing of it is alive',
        async () => (await folder.alive(call.started?.pid, ...pids())).length === 0,
      )
    })

    it('come to code as well', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(run(programs.loud))
      void call.writeStdin('runs\n')
      await call.says('RUNS\n', Stream.stdout)
      call.signal('SIGKILL')
      expect((await call.answer()).done).toMatchObject({ signal: 'SIGKILL' })
    })
  })
})
