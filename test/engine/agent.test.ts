import { describe, expect, it } from 'vitest'
import { encodeFrame, Kind, Stream, WINDOW_BYTES } from '../../src/agent/protocol.js'
import type { Language } from '../../src/languages.js'
import { exec, isAlive, isRoot, LocalAgent, run, sh } from '../helpers/agent.js'
import { until, within } from '../helpers/until.js'

/** The same program in both languages. */
const PROGRAMS = {
  python: {
    hello: 'print("hello")',
    failing: 'import sys\nsys.stderr.write("oops")\nsys.exit(3)',
    throwing: 'x = 1\nraise ValueError("no " + "good")',
    unicode: 'print("žluťoučký 🐎 \\u0000 end")',
    echo: 'import sys\nsys.stdout.write(sys.stdin.read())',
    args: 'import json, sys\nprint(json.dumps(sys.argv[1:]))',
    env: 'import os\nprint(os.environ.get("TOKEN"), os.environ.get("HOME"))',
    where: 'import os\nprint(os.getcwd())',
    megabyte: 'import sys\nsys.stdout.write("x" * 1048576)',
    invalid: 'import sys\nsys.stdout.buffer.write(bytes([0xff, 0xfe, 0x41]))',
    sleeping: 'import time\nprint("asleep", flush=True)\ntime.sleep(300)',
    suicide: 'import os\nos.kill(os.getpid(), 15)',
  },
  nodejs: {
    hello: 'console.log("hello")',
    failing: 'process.stderr.write("oops")\nprocess.exit(3)',
    throwing: 'const x = 1\nthrow new Error("no " + "good")',
    unicode: 'console.log("žluťoučký 🐎 \\u0000 end")',
    echo: 'process.stdin.pipe(process.stdout)',
    args: 'console.log(JSON.stringify(process.argv.slice(2)))',
    env: 'console.log(process.env.TOKEN, process.env.HOME)',
    where: 'console.log(process.cwd())',
    megabyte: 'process.stdout.write("x".repeat(1048576))',
    invalid: 'process.stdout.write(Buffer.from([0xff, 0xfe, 0x41]))',
    sleeping: 'console.log("asleep")\nsetTimeout(() => {}, 300_000)',
    suicide: 'process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 300_000)',
  },
} satisfies Record<Language, Record<string, string>>

const SIGKILL = 9

describe.each(['python', 'nodejs'] as const)('the %s agent', (language) => {
  const programs = PROGRAMS[language]
  const agentOfTest = () => LocalAgent.ofTest(language)

  describe('runs code', () => {
    it.each([
      ['its output', programs.hello, { stdout: 'hello\n', exitCode: 0 }],
      ['its exit code and stderr', programs.failing, { stderr: 'oops', exitCode: 3 }],
      ['characters of all sizes', programs.unicode, { stdout: 'žluťoučký 🐎 \0 end\n' }],
      ['the workspace as its folder', programs.where, { isInWorkspace: true }],
    ])('gives %s', async (_, code, expected) => {
      const agent = await agentOfTest()
      const { stdout, stderr, done } = await agent.ask(run(code))
      if ('isInWorkspace' in expected) expect(stdout.toString()).toBe(`${agent.workspace}\n`)
      else
        expect({ stdout: stdout.toString(), stderr, exitCode: done.exitCode }).toMatchObject(
          expected,
        )
    })

    it('says where it failed, in lines of the user', async () => {
      const agent = await agentOfTest()
      const { stderr, done } = await agent.ask(run(programs.throwing))
      expect(done.exitCode).toBe(1)
      expect(stderr).toMatch(/main\.(py|js)\W.*2/)
      expect(stderr).toContain('no good')
      expect(stderr).not.toMatch(/agent|runner|<string>|\[eval\]/)
    })

    it('hands over arguments, and variables for this call alone', async () => {
      const agent = await agentOfTest()
      const args = ['a b', '', '--x', 'ž']
      const given = await agent.ask(run(programs.args, { args }))
      expect(JSON.parse(given.stdout.toString())).toEqual(args)
      const first = await agent.ask(run(programs.env, { env: { TOKEN: 's3cret' } }))
      expect(first.stdout.toString()).toBe(`s3cret ${agent.workspace}\n`)
      const second = await agent.ask(run(programs.env))
      expect(second.stdout.toString()).not.toContain('s3cret')
    })

    it('feeds its stdin, a megabyte of it, and ends it', async () => {
      const agent = await agentOfTest()
      const text = 'ž'.repeat(512 * 1024)
      const { stdout, done } = await agent.ask(run(programs.echo), text)
      expect(stdout.equals(Buffer.from(text))).toBe(true)
      expect(done).toMatchObject({ exitCode: 0 })
      expect(done.usage?.cpuMs).toBeGreaterThanOrEqual(0)
    })

    it('passes bytes that are no UTF-8 as they are', async () => {
      const agent = await agentOfTest()
      const { stdout } = await agent.ask(run(programs.invalid))
      expect([...stdout]).toEqual([0xff, 0xfe, 0x41])
    })

    it('names the signal that ended it', async () => {
      const agent = await agentOfTest()
      const { done } = await agent.ask(run(programs.suicide))
      expect({ exitCode: done.exitCode ?? null, signal: done.signal }).toEqual({
        exitCode: null,
        signal: 'SIGTERM',
      })
    })

    it('several at once, and one after the other', async () => {
      const agent = await agentOfTest()
      const texts = Array.from({ length: 6 }, (_, at) => `number ${at}`)
      const together = await Promise.all(texts.map((text) => agent.ask(run(programs.echo), text)))
      expect(together.map(({ stdout }) => stdout.toString())).toEqual(texts)
      for (const text of texts) {
        const { stdout } = await agent.ask(run(programs.echo), text)
        expect(stdout.toString()).toBe(text)
      }
    })
  })

  describe('executes commands', () => {
    it.each([
      ['a program that is not there', exec('no-such-program'), 127, 'no-such-program'],
      ['a file that is no program', exec('/etc/passwd'), 126, '/etc/passwd'],
      ['a shell that exits', sh('echo out; echo err >&2; exit 7'), 7, 'err'],
    ])('%s', async (_, request, exitCode, stderr) => {
      const answer = await (await agentOfTest()).ask(request)
      expect(answer.done).toMatchObject({ exitCode })
      expect(answer.stderr).toContain(stderr)
    })

    it('in a folder that is not there: 127, and the folder is named', async () => {
      const request = { ...exec('/bin/true'), cwd: '/no/such/folder' }
      const { stderr, done } = await (await agentOfTest()).ask(request)
      expect({ code: done.exitCode, stderr }).toMatchObject({ code: 127 })
      expect(stderr).toContain('/no/such/folder')
    })

    it('with /dev/stdout and /dev/stderr to open', async () => {
      const agent = await agentOfTest()
      const { stdout, stderr } = await agent.ask(sh('echo o > /dev/stdout; echo e > /dev/stderr'))
      expect([stdout.toString(), stderr]).toEqual(['o\n', 'e\n'])
    })

    it.runIf(isRoot)('as nobody, in no group', async () => {
      const { stdout } = await (await agentOfTest()).ask(sh('id -u; id -g; id -G'))
      expect(stdout.toString()).toBe('65534\n65534\n65534\n')
    })

    it('is done when the program is, though a child in the background holds its stdout', async () => {
      const agent = await agentOfTest()
      const { stdout } = await agent.ask(sh('sleep 60 & echo $!'))
      const child = Number(stdout.toString())
      expect(isAlive(child)).toBe(true)
      process.kill(child, 'SIGKILL')
    })

    it('is done, and hears nothing more, though a child in another session goes on', async () => {
      const agent = await agentOfTest()
      const script = 'setsid sh -c "while sleep 0.05; do echo more; done" & echo $!'
      const { stdout } = await agent.ask(sh(script))
      const child = Number(stdout.toString().split('\n')[0])
      const said = agent.frames.length
      await until('its next output ends it', () => !isAlive(child))
      await agent.ask(exec('/bin/true'))
      expect(agent.frames.slice(said).map(({ kind }) => kind)).toEqual([Kind.done])
    })

    it('kills what descends from the program, in other sessions too', async () => {
      const agent = await agentOfTest()
      let text = ''
      const script = 'trap "" TERM; setsid sleep 300 & echo $!; sleep 300 & echo $!; wait'
      const exchange = agent.open(sh(script), (_, bytes) => (text += bytes.toString()))
      await until('both pids are there', () => text.split('\n').length === 3)
      exchange.signal(SIGKILL)
      const outcome = await within('the kill is confirmed', exchange.outcome)
      expect(outcome).toMatchObject({ done: { signal: 'SIGKILL' } })
      const pids = text.trim().split('\n').map(Number)
      await until('nothing of it is alive', () => !pids.some(isAlive))
    })
  })

  describe('keeps to the credit', () => {
    it('stops at the window where the host gives none; a kill still works', async () => {
      const agent = await agentOfTest()
      let received = 0
      const exchange = agent.open(run(programs.megabyte), (_, bytes) => (received += bytes.length))
      await until('the window is full', () => received >= WINDOW_BYTES)
      await agent.ask(exec('/bin/true')) // whatever was on its way is here
      expect(received).toBe(WINDOW_BYTES)
      exchange.signal(SIGKILL)
      await agent.ask(exec('/bin/true'))
      exchange.consumed(Stream.stdout, received) // what is left in the pipe may follow
      const outcome = await within('the kill is confirmed', exchange.outcome)
      expect(outcome).toMatchObject({ done: { signal: 'SIGKILL' } })
    })

    it('gives none for stdin that nobody reads, and the write ends with the program', async () => {
      const agent = await agentOfTest()
      let text = ''
      const exchange = agent.open(run(programs.sleeping), (_, bytes) => (text += bytes.toString()))
      await until('it runs', () => text.startsWith('asleep'))
      const writing = exchange.write(Buffer.alloc(4 * 1024 * 1024))
      await agent.ask(exec('/bin/true'))
      // The window, and what one pipe holds.
      expect(agent.sentBytes).toBeLessThan(WINDOW_BYTES + 2 * 64 * 1024 + 4096)
      exchange.signal(SIGKILL)
      await within('the kill is confirmed', exchange.outcome)
      await within('the writer is let go', writing)
    })

    it('takes all of a stdin that the program has closed', async () => {
      const agent = await agentOfTest()
      const request = sh('exec <&-; sleep 1; echo done')
      const { stdout, done } = await agent.ask(request, Buffer.alloc(1024 * 1024))
      expect([stdout.toString(), done.exitCode]).toEqual(['done\n', 0])
    })
  })

  describe('and its host', () => {
    it('answers a ping with the same bytes', async () => {
      const agent = await agentOfTest()
      agent.stdin.write(encodeFrame(Kind.ping, 7, Buffer.from('you there?')))
      await until('the answer comes', () => agent.frames.some(({ kind }) => kind === Kind.ping))
      const pong = agent.frames.find(({ kind }) => kind === Kind.ping)
      expect([pong?.id, pong?.payload.toString()]).toEqual([7, 'you there?'])
    })

    it('reads frames that come in pieces', async () => {
      const agent = await agentOfTest()
      for (const byte of encodeFrame(Kind.ping, 8, Buffer.from('slow'))) {
        agent.stdin.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
      await until('the answer comes', () => agent.frames.some(({ id }) => id === 8))
    })

    it('exits when its stdin ends', async () => {
      const agent = await agentOfTest()
      agent.stdin.end()
      expect(await within('it exits', agent.exited)).toMatchObject({ exitCode: 0 })
    })

    it.each([
      ['a frame longer than any', Buffer.from([2, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff])],
      ['a request that is no JSON', encodeFrame(Kind.request, 1, Buffer.from('{nonsense'))],
      ['an op it does not know', encodeFrame(Kind.request, 1, Buffer.from('{"op":"fly"}'))],
    ])('exits with an error at %s', async (_, bytes) => {
      const agent = await agentOfTest()
      agent.stdin.write(bytes)
      const { exitCode, stderr } = await within('it exits', agent.exited)
      expect(exitCode).toBe(1)
      expect(stderr).not.toBe('')
    })

    it('ignores what is for a request that is over', async () => {
      const agent = await agentOfTest()
      await agent.ask(exec('/bin/true'))
      for (const kind of [Kind.data, Kind.eof, Kind.signal]) {
        agent.stdin.write(encodeFrame(kind, 1, Buffer.of(SIGKILL)))
      }
      agent.stdin.write(encodeFrame(Kind.credit, 1, Buffer.of(1, 0, 0, 0, 9)))
      expect((await agent.ask(run(programs.hello))).stdout.toString()).toBe('hello\n')
    })
  })
})
