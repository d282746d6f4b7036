import { describe, expect, it } from 'vitest'
import { encodeFrame, Kind, Stream, WINDOW_BYTES } from '../../src/agent/protocol.js'
import { exec, run, sh } from '../helpers/agent-folder.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'
import { within } from '../helpers/until.js'

/** What is not a request, or lacks what it must have, or has it of another type. */
const GARBAGE = [
  '{nonsense',
  '',
  'null',
  '7',
  '[]',
  {},
  { op: 'fly' },
  { op: 'constructor' },
  { op: '__proto__' },
  { op: ['read'] },
  { op: 'read' },
  { op: 'read', path: 7 },
  { op: 'read', path: null },
  { op: 'read', path: ['f'] },
  { op: 'read', path: 'a\0b' },
  { op: 'read', path: 'lone \ud800' },
  { op: 'read', path: '/etc/passwd', offset: -1 },
  { op: 'read', path: '/etc/passwd', offset: 'x' },
  { op: 'read', path: '/etc/passwd', length: {} },
  { op: 'read', path: '/etc/passwd', length: -1 },
  { op: 'read', path: '/etc/passwd', offset: 1.5 },
  { op: 'write' },
  { op: 'write', path: 'garbage', mode: 'rw' },
  { op: 'write', path: 'garbage', mode: -1 },
  { op: 'write', path: 'garbage', mode: 0.5 },
  { op: 'write', path: 'garbage', mode: 1e12 },
  { op: 'write', path: 'a\0b', atomic: true },
  { op: 'list', path: {} },
  { op: 'list', path: '.', recursive: 'yes' },
  { op: 'list', path: 'a\0b' },
  { op: 'stat' },
  { op: 'mkdir', path: false },
  { op: 'move', path: '/etc/passwd' },
  { op: 'move', path: '/etc/passwd', to: 7 },
  { op: 'move', to: 'garbage' },
  { op: 'delete' },
  { op: 'exec' },
  { op: 'exec', argv: [] },
  { op: 'exec', argv: 'ls' },
  { op: 'exec', argv: [7] },
  { op: 'exec', argv: ['ls'], env: 7 },
  { op: 'exec', argv: ['ls'], env: { A: 7 } },
  { op: 'exec', argv: ['ls'], cwd: 7 },
  { op: 'run' },
  { op: 'run', code: 7 },
  { op: 'run', code: '', args: 'x' },
  { op: 'run', code: '', args: [7] },
  { op: 'run', code: '', env: { A: 7 } },
] as const

/** What no host of this library asks. Any answer will do, if there is one. */
const ODD = [
  { op: 'read', path: '' },
  { op: 'read', path: '/etc/passwd', offset: 1e300 },
  { op: 'read', path: '/etc/passwd', offset: 2 ** 63, length: 2 ** 63 },
  { op: 'read', path: '/etc/passwd', offset: null, length: null },
  { op: 'write', path: '', atomic: true },
  { op: 'write', path: '/', atomic: true },
  { op: 'write', path: 'odd/', atomic: true },
  { op: 'write', path: 'odd/..', atomic: true },
  { op: 'stat', path: '', more: [[[]]] },
  { op: 'mkdir', path: '', recursive: true },
  { op: 'mkdir', path: '/', recursive: true },
  { op: 'move', path: '', to: '' },
  { op: 'move', path: '.', to: 'odd' },
  { op: 'delete', path: '' },
  { op: 'exec', argv: [''] },
  { op: 'exec', argv: ['ls', 'a\0b'] },
  { op: 'exec', argv: ['ls', 'lone \ud800'] },
  { op: 'exec', argv: ['ls'], env: { A: 'a\0b' } },
  { op: 'exec', argv: ['ls'], env: { '': 'x', 'A=B': 'y' } },
  { op: 'exec', argv: ['ls'], cwd: '' },
  { op: 'exec', argv: ['ls'], cwd: 'a\0b' },
  { op: 'run', code: '\0' },
  { op: 'run', code: 'lone \ud800' },
  { op: 'run', code: '', args: ['a\0b', 'lone \ud800'] },
  { op: 'run', code: '', env: { A: 'a\0b', '': 'x' } },
  { op: 'run', code: '', cwd: 'a\0b' },
  { op: 'run', code: '', cwd: '/no/folder' },
] as const

describe.each(places)('a $language agent as host sees it, $where', (place) => {
  const folderOfTest = useFolders(place)

  describe('its first word', () => {
    it('is hello, once, with the version and the language', async () => {
      const agent = await agentOfTest(place)
      await agent.ask(exec('true'))
      expect(agent.frames[0]?.kind).toBe(Kind.hello)
      expect(agent.hello).toEqual({ version: 4, language: expect.stringMatching(/^v?\d+\.\d/) })
    })

    it('is heard though the host has asked before it', async () => {
      const agent = await agentOfTest(place)
      const early = Array.from({ length: 5 }, () => agent.open(sh('cat')))
      for (const [at, call] of early.entries()) {
        void call.writeStdin(`number ${at}`)
        call.end()
      }
      const answers = await Promise.all(early.map((call) => call.answer()))
      expect(answers.map(({ stdout }) => stdout.toString())).toEqual(
        early.map((_, at) => `number ${at}`),
      )
    })
  })

  describe('frames', () => {
    it('answers a ping with the same id and bytes, whatever they are', async () => {
      const { agent } = await folderOfTest()
      const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const call = agent.open(exec('true'))
      agent.send(Kind.ping, call.id, payload)
      agent.send(Kind.ping, call.id)
      await agent.ping()
      const pongs = agent.frames.filter(({ kind, id }) => kind === Kind.ping && id === call.id)
      expect(pongs.map((pong) => pong.payload)).toEqual([payload, Buffer.alloc(0)])
    })

    it('are read though they come in pieces, and many in one', async () => {
      const { agent } = await folderOfTest()
      const { stdin } = agent.container
      for (const byte of encodeFrame(Kind.ping, 0, Buffer.from('in pieces'))) {
        stdin.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
      const many = Array.from({ length: 2000 }, (_, at) => Buffer.from(`ping ${at} in one`))
      stdin.write(Buffer.concat(many.map((payload) => encodeFrame(Kind.ping, 0, payload))))
      await agent.ping()
      const pongs = agent.frames.filter(({ kind, id }) => kind === Kind.ping && id === 0)
      expect(pongs.map(({ payload }) => payload.toString())).toEqual(
        [Buffer.from('in pieces'), ...many].map(String),
      )
    })

    it.skipIf(isSlow(place))('may be as long as a request is allowed to be', async () => {
      const { agent } = await folderOfTest()
      const request = run('')
      const room = 16_777_216 - JSON.stringify(request).length
      const longest = run('\n'.repeat(room / 2) + ' '.repeat(room % 2))
      expect(JSON.stringify(longest)).toHaveLength(16_777_216)
      expect(await agent.ask(longest)).toMatchObject({ stderr: '', done: { exitCode: 0 } })
    })

    it('for a request that is over, or never was, are ignored', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(exec('true'))
      await call.answer()
      const [over, never] = [call.id, 4_000_000_000]
      for (const id of [over, never]) {
        agent.send(Kind.data, id, Buffer.of(Stream.stdin), Buffer.from('late'))
        agent.send(Kind.eof, id)
        agent.send(Kind.signal, id, Buffer.from('SIGKILL'))
        agent.send(Kind.credit, id, Buffer.of(Stream.stdout, 0, 0, 0, 9))
      }
      expect(await agent.ask(sh('echo well'))).toMatchObject({ stdout: Buffer.from('well\n') })
    })

    it('with credit for a stream there is not, or with more than there can be, do no harm', async () => {
      const { agent } = await folderOfTest()
      const call = agent.open(sh('cat; echo on stderr >&2'))
      for (const stream of [Stream.stdin, 3, 9, 255]) {
        agent.send(Kind.credit, call.id, Buffer.of(stream, 0, 0, 0, 9))
      }
      for (const stream of [Stream.stdout, Stream.stderr, Stream.stdout, Stream.stderr]) {
        agent.send(Kind.credit, call.id, Buffer.of(stream, 255, 255, 255, 255))
      }
      void call.writeStdin('well').then(() => call.end())
      expect(await call.answer()).toMatchObject({
        stdout: Buffer.from('well'),
        stderr: 'on stderr\n',
        done: { exitCode: 0 },
      })
    })

    it('that a request has no use for do no harm', async () => {
      const folder = await folderOfTest()
      const text = 'x'.repeat(WINDOW_BYTES + 1000)
      await folder.write('f', text)
      const writing = folder.open({ op: 'write', path: 'g' })
      writing.grant(1000)
      writing.end()
      writing.push('late')
      writing.end()
      expect((await writing.answer()).done).toEqual({})
      expect(await folder.read('g')).toBe('')
      const reading = folder.open({ op: 'read', path: 'f' }, { givesCredit: false })
      reading.end()
      reading.push('for whom?')
      reading.end()
      await reading.sends(WINDOW_BYTES)
      reading.grant(1000)
      expect((await reading.answer()).stdout.toString()).toBe(text)
      const program = folder.start('cat; exit 3')
      program.end()
      program.push('late')
      program.end()
      expect((await program.answer()).done.exitCode).toBe(3)
    })
  })

  describe.skipIf(isSlow(place))('a request that makes no sense', () => {
    it.each(GARBAGE.map((request) => [JSON.stringify(request), request] as const))(
      'is answered with an error: %s',
      async (_, request) => {
        const { agent } = await folderOfTest()
        const running = agent.open(exec('cat'))
        const { done } = await agent.ask(request)
        expect(done).toEqual({
          error: { code: 'EINVAL', message: expect.any(String) },
        })
        // And what else goes on, goes on.
        await running.writeStdin('well')
        running.end()
        expect((await running.answer()).stdout.toString()).toBe('well')
      },
    )

    it.each(ODD.map((request) => [JSON.stringify(request), request] as const))(
      'is answered: %s',
      async (_, request) => {
        const { agent } = await folderOfTest()
        await agent.ask(request)
        expect((await agent.ask(sh('echo well'))).stdout.toString()).toBe('well\n')
      },
    )
  })

  describe('its end', () => {
    it('comes when its stdin ends, though a program runs', async () => {
      const agent = await agentOfTest(place)
      const call = agent.open(sh('echo runs; exec sleep 300'))
      await call.says('runs\n')
      agent.container.stdin.end()
      expect(await within('it exits', agent.container.exited)).toMatchObject({ exitCode: 0 })
    })

    it('comes at a frame that is longer than any, and stderr says why', async () => {
      const agent = await agentOfTest(place)
      agent.container.stdin.write(Buffer.from([2, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]))
      const { exitCode, stderr } = await within('it exits', agent.container.exited)
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('4294967295')])
    })
  })
})
