import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, Stream, WINDOW_BYTES } from '../../src/agent/protocol.js'
import type { AgentName } from '../../src/languages/built-in.js'
import type { Folder } from '../helpers/agent-folder.js'
import { exec, run, sh } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
/** What a pipe holds, and what may be in a hand that fills it. */
const PIPES = 2 * 64 * 1024

/** The same program in both languages. */
const PROGRAMS = {
  python: {
    echo: 'import sys\nsys.stdout.write(sys.stdin.read())',
    flood: 'import sys\nwhile True:\n    sys.stdout.write("y" * 1000)',
    // As much as a pipe can be made to hold.
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

/** Everything else an agent does, while one request of it stands still. */
async function othersGoOn(folder: Folder): Promise<void> {
  const { agent } = folder
  await agent.ping()
  const bytes = randomBytes(WINDOW_BYTES + 1000)
  expect((await agent.ask(exec('cat'), bytes)).stdout.equals(bytes)).toBe(true)
  await folder.write('others', bytes)
  expect((await folder.well({ op: 'read', path: 'others' })).equals(bytes)).toBe(true)
  expect(await folder.stat('others')).toMatchObject({ size: bytes.length })
  const killed = agent.open(exec('sleep', '300'))
  killed.signal('SIGKILL')
  expect((await killed.answer()).done.signal).toBe('SIGKILL')
}

describe.each(places)('streams of a $language agent, $where', (place) => {
  const programs = PROGRAMS[place.language]
  const folderOfTest = useFolders(place)

  describe.skipIf(isSlow(place))('carry', () => {
    it.each([
      ['a command', exec('cat')],
      ['code', run(programs.echo)],
    ])('a megabyte through %s and back', async (_, request) => {
      const { agent } = await folderOfTest()
      const text = 'ž\0\n🐎'.repeat(MIB / 8)
      const { stdout, stderr, done } = await agent.ask(request, text)
      expect([stdout.equals(Buffer.from(text)), stderr, done.exitCode]).toEqual([true, '', 0])
    })

    it('bytes of all values', async () => {
      const { agent } = await folderOfTest()
      const bytes = Buffer.concat([
        Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
        randomBytes(300_000),
      ])
      const { stdout } = await agent.ask(exec('cat'), bytes)
      expect(stdout.equals(bytes)).toBe(true)
    })

    it('thousands of lines, each written alone, in their order', async () => {
      const { agent } = await folderOfTest()
      const loop = 'i=0; while [ $i -lt 3000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done'
      const { stdout, stderr } = await agent.ask(sh(loop))
      const lines = (letter: string) => Array.from({ length: 3000 }, (_, i) => `${letter}${i}\n`)
      expect([stdout.toString(), stderr]).toEqual([lines('o').join(''), lines('e').join('')])
    })

    it('thousands of writes of a few bytes, in their order', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(exec('cat'))
      const parts = Array.from({ length: 3000 }, (_, at) => `${at} `)
      for (const part of parts) call.push(part)
      call.end()
      expect((await call.answer()).stdout.toString()).toBe(parts.join(''))
    })

    it('each its own, of many programs at once', async () => {
      const { agent } = await folderOfTest()
      const texts = Array.from({ length: 12 }, (_, at) => `number ${at} `.repeat(2000))
      const requests = texts.map((text, at) =>
        agent.ask(at % 4 === 0 ? run(programs.echo) : exec('cat'), text),
      )
      const answers = await Promise.all(requests)
      expect(answers.map(({ stdout }) => stdout.toString())).toEqual(texts)
    })

    it('nothing, when the stdin is over at once', async () => {
      const { agent } = await folderOfTest()
      const answers = [agent.ask(exec('cat')), agent.ask(run(programs.echo))]
      for (const { stdout, done } of await Promise.all(answers)) {
        expect([stdout.length, done.exitCode]).toEqual([0, 0])
      }
    })

    it('a line to a command and its answer, before the next line', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(sh('while read line; do echo "<$line>"; done; echo over'))
      let said = ''
      for (const line of ['one', 'two', 'three']) {
        void call.writeStdin(`${line}\n`)
        await call.says((said += `<${line}>\n`))
      }
      call.end()
      await call.says(`${said}over\n`)
    })
  })

  describe('keep to the credit of stdout', () => {
    it.each([
      ['a command', sh('exec yes')],
      ['code', run(programs.flood)],
    ])('%s stands still at the window to the byte, and can be killed', async (_, request) => {
      const folder = await folderOfTest()
      const call = folder.agent.open(request, { givesCredit: false })
      await call.sends(WINDOW_BYTES)
      await othersGoOn(folder)
      expect(call.received()).toBe(WINDOW_BYTES)
      call.grant(10)
      await call.sends(WINDOW_BYTES + 10)
      await folder.sh('true')
      expect(call.received()).toBe(WINDOW_BYTES + 10)
      call.signal('SIGKILL')
      const { pid } = call.started ?? {}
      if (pid) await until('it is dead', async () => (await folder.alive(pid)).length === 0)
      call.grant(4 * MIB) // what is left in the pipe may follow
      expect((await call.answer()).done.signal).toBe('SIGKILL')
    })

    it.skipIf(isSlow(place))('and of stderr: the one is not the other’s', async () => {
      const folder = await folderOfTest()
      const call = folder.agent.open(sh('yes >&2 & exec yes'), { givesCredit: false })
      await call.sends(WINDOW_BYTES, Stream.stdout)
      await call.sends(WINDOW_BYTES, Stream.stderr)
      call.grant(100_000, Stream.stderr)
      await call.sends(WINDOW_BYTES + 100_000, Stream.stderr)
      await folder.sh('true')
      expect(call.received(Stream.stdout)).toBe(WINDOW_BYTES)
      expect(call.received(Stream.stderr)).toBe(WINDOW_BYTES + 100_000)
      call.signal('SIGKILL')
      for (const stream of [Stream.stdout, Stream.stderr]) call.grant(4 * MIB, stream)
      expect((await call.answer()).done.signal).toBe('SIGKILL')
    })

    it('of a program that is over: the rest follows, and then done', async () => {
      const folder = await folderOfTest()
      const size = WINDOW_BYTES + 60_000
      const call = folder.start(`head -c ${size} /dev/zero; : > over`, { givesCredit: false })
      await call.sends(WINDOW_BYTES)
      await until('it is over', async () => (await folder.list()).length === 1)
      await othersGoOn(folder)
      expect([call.received(), call.isOver]).toEqual([WINDOW_BYTES, false])
      call.grant(59_999)
      await call.sends(size - 1)
      await folder.sh('true')
      expect([call.received(), call.isOver]).toEqual([size - 1, false])
      call.grant(1)
      const { stdout, done } = await call.answer()
      expect([stdout.length, done.exitCode]).toEqual([size, 0])
    })
  })

  describe('keep to the credit of stdin', () => {
    it('a program that does not read gets the window, and what a pipe holds', async () => {
      const folder = await folderOfTest()
      const call = folder.start('mkfifo go; echo ready; cat go; exec wc -c')
      await call.says('ready\n')
      const bytes = Buffer.alloc(2 * MIB)
      const feeding = call.writeStdin(bytes)
      await call.wait('the window is used up', () => call.budget === 0)
      await othersGoOn(folder)
      expect(call.credit).toBeLessThanOrEqual(PIPES)
      await folder.sh('echo now > go')
      await feeding
      call.end()
      const { stdout } = await call.answer()
      expect(stdout.toString()).toMatch(new RegExp(`^ready\nnow\n *${bytes.length}\n$`))
    })

    it('what is left of it when the program ends is let go', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(sh('echo ready; exec sleep 300'))
      await call.says('ready\n')
      const feeding = call.writeStdin(Buffer.alloc(2 * MIB))
      await call.wait('the window is used up', () => call.budget === 0)
      call.signal('SIGKILL')
      expect((await call.answer()).done.signal).toBe('SIGKILL')
      await feeding
      await agent.ping()
    })

    it('what is left of it is let go though an orphan could read it', async () => {
      const folder = await folderOfTest()
      const script = 'mkfifo go; exec 3<&0; sleep 300 <&3 & echo $!; read line < go; exit 4'
      const call = folder.start(script)
      await call.wait('the orphan’s pid is there', () => call.text().endsWith('\n'))
      const feeding = call.writeStdin(Buffer.alloc(2 * MIB))
      await call.wait('the window is used up', () => call.budget === 0)
      await folder.sh('echo > go')
      const { stdout, done } = await call.answer()
      expect(done.exitCode).toBe(4)
      await feeding
      await folder.sh(`kill -KILL ${stdout.toString()}`)
    })

    it('all is taken of a stdin that the program has closed', async () => {
      const folder = await folderOfTest()
      const call = folder.start('exec <&-; mkfifo go; echo ready; read line < go; echo $line')
      await call.says('ready\n')
      await call.writeStdin(Buffer.alloc(MIB))
      call.end()
      await folder.sh('echo done > go')
      const { stdout, done } = await call.answer()
      expect([stdout.toString(), done.exitCode]).toEqual(['ready\ndone\n', 0])
    })
  })

  describe('after the program', () => {
    it.each([
      ['a command', sh('yes & echo $! $$ > $PIDS; read line; exit 3')],
      ['code', run(programs.orphan)],
    ])('send at most a mebibyte of what an orphan of %s goes on writing', async (_, request) => {
      const folder = await folderOfTest()
      const file = folder.at('pids')
      const asked = { ...request, env: { PIDS: file }, args: [file] }
      const call = folder.agent.open(asked, { givesCredit: false })
      await call.sends(WINDOW_BYTES)
      const written = () => folder.read('pids').catch(() => '')
      await until('the pids are there', async () => (await written()).endsWith('\n'))
      const [orphan = 0, program = 0] = (await written()).split(' ').map(Number)
      expect(await folder.alive(program)).toEqual([program])
      await call.writeStdin('end\n')
      await until('it is over', async () => (await folder.alive(program)).length === 0)
      expect([call.isOver, call.received()]).toEqual([false, WINDOW_BYTES])
      call.grant(64 * MIB)
      expect((await call.answer()).done.exitCode).toBe(3)
      // And what the agent had in its hands already.
      expect(call.received()).toBeLessThanOrEqual(WINDOW_BYTES + MIB + 8 * CHUNK_BYTES)
      await folder.sh(`kill -KILL ${orphan} 2>/dev/null || :`)
    })

    it('send nothing that an orphan in another session writes later', async () => {
      const folder = await folderOfTest()
      const orphan = `trap '' PIPE; read line < go; echo more; : > over`
      const call = folder.start(`mkfifo go; setsid sh -c "${orphan}" & :`)
      expect((await call.answer()).done.exitCode).toBe(0)
      const said = folder.agent.frames.length
      await folder.sh('echo > go')
      await until('it has written', async () => (await folder.list()).length === 2)
      await folder.agent.ping()
      expect(folder.agent.frames.slice(said).filter(({ id }) => id === call.id)).toEqual([])
    })
  })
})
