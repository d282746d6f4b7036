import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, Stream, WINDOW_BYTES } from '../../src/agent/protocol.js'
import type { AgentName } from '../../src/languages/built-in.js'
import type { Folder } from '../helpers/agent-folder.js'
import { exec, run, sh } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
/** The size of a pipe, and of the data that the agent is writing to it. */
const PIPE_BYTES = 2 * 64 * 1024

/** The same program in both languages. */
const PROGRAMS = {
  python: {
    echo: 'import sys\nsys.stdout.write(sys.stdin.read())',
    flood: 'import sys\nwhile True:\n    sys.stdout.write("y" * 1000)',
    // With the largest pipe that the kernel allows.
    orphan: `import fcntl, os, sys
fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1048576)
pid = os.fork()
while pid == 0:
    os.write(1, b'y' * 65536)
open(sys.argv[1], 'w').write(f'{pid} {os.getpid()}\\n')
input()
sys.exit(3)`,
  },
  nodejs: {
    echo: 'process.stdin.pipe(process.stdout)',
    flood: 'for (;;) require("fs").writeSync(1, "y".repeat(1000))',
    orphan: `const { pid } = require('child_process').spawn('yes', { stdio: 'inherit' })
require('fs').writeFileSync(process.argv[2], pid + ' ' + process.pid + '\\n')
void process.stdin.once('data', () => process.exit(3))`,
  },
} satisfies Record<AgentName, Record<string, string>>

/** Expects that the agent answers all other kinds of requests while one request is blocked. */
async function expectOtherRequests(folder: Folder): Promise<void> {
  const { agent } = folder
  await agent.ping()
  const bytes = randomBytes(WINDOW_BYTES + 1000)
  expect((await agent.ask(exec('cat'), bytes)).stdout.equals(bytes)).toBe(true)
  await folder.write('others', bytes)
  expect((await folder.expectSuccess({ op: 'read', path: 'others' })).equals(bytes)).toBe(true)
  expect(await folder.stat('others')).toMatchObject({ size: bytes.length })
  const killed = agent.open(exec('sleep', '300'))
  killed.signal('SIGKILL')
  expect((await killed.answer()).done.signal).toBe('SIGKILL')
}

describe.each(places)('streams of the $language agent, $where', (place) => {
  const programs = PROGRAMS[place.language]
  const folderOfTest = useFolders(place)

  describe.skipIf(isSlow(place))('a stream', () => {
    it.each([
      ['a command', exec('cat')],
      ['code', run(programs.echo)],
    ])('a megabyte passes through %s and back', async (_, request) => {
      const { agent } = await folderOfTest()
      const text = 'ž\0\n🐎'.repeat(MIB / 8)
      const { stdout, stderr, done } = await agent.ask(request, text)
      expect([stdout.equals(Buffer.from(text)), stderr, done.exitCode]).toEqual([true, '', 0])
    })

    it('bytes of all values pass unchanged', async () => {
      const { agent } = await folderOfTest()
      const bytes = Buffer.concat([
        Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
        randomBytes(300_000),
      ])
      const { stdout } = await agent.ask(exec('cat'), bytes)
      expect(stdout.equals(bytes)).toBe(true)
    })

    it('thousands of separately written lines arrive in order', async () => {
      const { agent } = await folderOfTest()
      const loop = 'i=0; while [ $i -lt 3000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done'
      const { stdout, stderr } = await agent.ask(sh(loop))
      const lines = (letter: string) => Array.from({ length: 3000 }, (_, i) => `${letter}${i}\n`)
      expect([stdout.toString(), stderr]).toEqual([lines('o').join(''), lines('e').join('')])
    })

    it('thousands of small writes arrive in order', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(exec('cat'))
      const parts = Array.from({ length: 3000 }, (_, at) => `${at} `)
      for (const part of parts) request.push(part)
      request.end()
      expect((await request.answer()).stdout.toString()).toBe(parts.join(''))
    })

    it('many simultaneous programs have their own streams', async () => {
      const { agent } = await folderOfTest()
      const texts = Array.from({ length: 12 }, (_, at) => `number ${at} `.repeat(2000))
      const requests = texts.map((text, at) =>
        agent.ask(at % 4 === 0 ? run(programs.echo) : exec('cat'), text),
      )
      const answers = await Promise.all(requests)
      expect(answers.map(({ stdout }) => stdout.toString())).toEqual(texts)
    })

    it('a program with an empty stdin ends without output', async () => {
      const { agent } = await folderOfTest()
      const answers = [agent.ask(exec('cat')), agent.ask(run(programs.echo))]
      for (const { stdout, done } of await Promise.all(answers)) {
        expect([stdout.length, done.exitCode]).toEqual([0, 0])
      }
    })

    it('a command can answer a line before the next line arrives', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(sh('while read line; do echo "<$line>"; done; echo over'))
      let output = ''
      for (const line of ['one', 'two', 'three']) {
        void request.writeStdin(`${line}\n`)
        await request.waitForText((output += `<${line}>\n`))
      }
      request.end()
      await request.waitForText(`${output}over\n`)
    })
  })

  describe('the credit of the output', () => {
    it.each([
      ['a command', sh('exec yes')],
      ['code', run(programs.flood)],
    ])(
      'the output of %s stops exactly at the window, and the program can be killed',
      async (_, program) => {
        const folder = await folderOfTest()
        const request = folder.agent.open(program, { grantsCredit: false })
        await request.waitForBytes(WINDOW_BYTES)
        await expectOtherRequests(folder)
        expect(request.received()).toBe(WINDOW_BYTES)
        request.grant(10)
        await request.waitForBytes(WINDOW_BYTES + 10)
        await folder.sh('true')
        expect(request.received()).toBe(WINDOW_BYTES + 10)
        request.signal('SIGKILL')
        const { pid } = request.started ?? {}
        if (pid)
          await until('the program has ended', async () => (await folder.alive(pid)).length === 0)
        request.grant(4 * MIB) // the rest of the pipe may follow
        expect((await request.answer()).done.signal).toBe('SIGKILL')
      },
    )

    it.skipIf(isSlow(place))('stdout and stderr have separate credits', async () => {
      const folder = await folderOfTest()
      const request = folder.agent.open(sh('yes >&2 & exec yes'), { grantsCredit: false })
      await request.waitForBytes(WINDOW_BYTES, Stream.stdout)
      await request.waitForBytes(WINDOW_BYTES, Stream.stderr)
      request.grant(100_000, Stream.stderr)
      await request.waitForBytes(WINDOW_BYTES + 100_000, Stream.stderr)
      await folder.sh('true')
      expect(request.received(Stream.stdout)).toBe(WINDOW_BYTES)
      expect(request.received(Stream.stderr)).toBe(WINDOW_BYTES + 100_000)
      request.signal('SIGKILL')
      for (const stream of [Stream.stdout, Stream.stderr]) request.grant(4 * MIB, stream)
      expect((await request.answer()).done.signal).toBe('SIGKILL')
    })

    it('the rest of the output of an ended program follows with the credit, then done', async () => {
      const folder = await folderOfTest()
      const size = WINDOW_BYTES + 60_000
      const request = folder.start(`head -c ${size} /dev/zero; : > over`, { grantsCredit: false })
      await request.waitForBytes(WINDOW_BYTES)
      await until('the program has ended', async () => (await folder.list()).length === 1)
      await expectOtherRequests(folder)
      expect([request.received(), request.isOver]).toEqual([WINDOW_BYTES, false])
      request.grant(59_999)
      await request.waitForBytes(size - 1)
      await folder.sh('true')
      expect([request.received(), request.isOver]).toEqual([size - 1, false])
      request.grant(1)
      const { stdout, done } = await request.answer()
      expect([stdout.length, done.exitCode]).toEqual([size, 0])
    })
  })

  describe('the credit of stdin', () => {
    it('a program that does not read receives at most the window and one pipe', async () => {
      const folder = await folderOfTest()
      const request = folder.start('mkfifo go; echo ready; cat go; exec wc -c')
      await request.waitForText('ready\n')
      const bytes = Buffer.alloc(2 * MIB)
      const writing = request.writeStdin(bytes)
      await request.wait('the window is used up', () => request.credit === 0)
      await expectOtherRequests(folder)
      expect(request.creditGranted).toBeLessThanOrEqual(PIPE_BYTES)
      await folder.sh('echo now > go')
      await writing
      request.end()
      const { stdout } = await request.answer()
      expect(stdout.toString()).toMatch(new RegExp(`^ready\nnow\n *${bytes.length}\n$`))
    })

    it('stdin that is left when the program ends is dropped', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(sh('echo ready; exec sleep 300'))
      await request.waitForText('ready\n')
      const writing = request.writeStdin(Buffer.alloc(2 * MIB))
      await request.wait('the window is used up', () => request.credit === 0)
      request.signal('SIGKILL')
      expect((await request.answer()).done.signal).toBe('SIGKILL')
      await writing
      await agent.ping()
    })

    it('stdin that is left is dropped even if an orphan could read it', async () => {
      const folder = await folderOfTest()
      const script = 'mkfifo go; exec 3<&0; sleep 300 <&3 & echo $!; read line < go; exit 4'
      const request = folder.start(script)
      await request.wait('the pid of the orphan is printed', () => request.text().endsWith('\n'))
      const writing = request.writeStdin(Buffer.alloc(2 * MIB))
      await request.wait('the window is used up', () => request.credit === 0)
      await folder.sh('echo > go')
      const { stdout, done } = await request.answer()
      expect(done.exitCode).toBe(4)
      await writing
      await folder.sh(`kill -KILL ${stdout.toString()}`)
    })

    it('stdin that the program has closed is accepted and dropped', async () => {
      const folder = await folderOfTest()
      const request = folder.start('exec <&-; mkfifo go; echo ready; read line < go; echo $line')
      await request.waitForText('ready\n')
      await request.writeStdin(Buffer.alloc(MIB))
      request.end()
      await folder.sh('echo done > go')
      const { stdout, done } = await request.answer()
      expect([stdout.toString(), done.exitCode]).toEqual(['ready\ndone\n', 0])
    })
  })

  describe('an orphan of the program', () => {
    it.each([
      ['a command', sh('yes & echo $! $$ > $PIDS; read line; exit 3')],
      ['code', run(programs.orphan)],
    ])(
      'an orphan of %s adds at most a mebibyte of output after the end',
      async (_, programRequest) => {
        const folder = await folderOfTest()
        const file = folder.pathOf('pids')
        const body = { ...programRequest, env: { PIDS: file }, args: [file] }
        const request = folder.agent.open(body, { grantsCredit: false })
        await request.waitForBytes(WINDOW_BYTES)
        const written = () => folder.read('pids').catch(() => '')
        await until('the pids are written', async () => (await written()).endsWith('\n'))
        const [orphan = 0, program = 0] = (await written()).split(' ').map(Number)
        expect(await folder.alive(program)).toEqual([program])
        await request.writeStdin('end\n')
        // Not only a zombie: its other threads may still run, and then the agent does not know its end.
        const isGone = async () => (await folder.sh(`[ -e /proc/${program} ] || echo gone`)) !== ''
        await until('the program has ended', isGone)
        expect([request.isOver, request.received()]).toEqual([false, WINDOW_BYTES])
        request.grant(64 * MIB)
        expect((await request.answer()).done.exitCode).toBe(3)
        // The agent may also have read some chunks before the end.
        expect(request.received()).toBeLessThanOrEqual(WINDOW_BYTES + MIB + 8 * CHUNK_BYTES)
        await folder.sh(`kill -KILL ${orphan} 2>/dev/null || :`)
      },
    )

    it('the output of an orphan in another session is not sent after done', async () => {
      const folder = await folderOfTest()
      const orphan = `trap '' PIPE; read line < go; echo more; : > over`
      const request = folder.start(`mkfifo go; setsid sh -c "${orphan}" & :`)
      expect((await request.answer()).done.exitCode).toBe(0)
      const frameCount = folder.agent.frames.length
      await folder.sh('echo > go')
      await until('the orphan has written', async () => (await folder.list()).length === 2)
      await folder.agent.ping()
      expect(folder.agent.frames.slice(frameCount).filter(({ id }) => id === request.id)).toEqual(
        [],
      )
    })
  })
})
