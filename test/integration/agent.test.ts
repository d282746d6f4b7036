import { describe, expect, it } from 'vitest'
import { encodeFrame, Kind, Stream, WINDOW_BYTES } from '../../src/agent/protocol.js'
import { exec, run, sh } from '../helpers/agent-folder.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'
import { within } from '../helpers/until.js'

/** Invalid requests: no request, a missing field, or a field of another type. */
const INVALID = [
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
  { op: 'write', path: 'invalid', mode: 'rw' },
  { op: 'write', path: 'invalid', mode: -1 },
  { op: 'write', path: 'invalid', mode: 0.5 },
  { op: 'write', path: 'invalid', mode: 1e12 },
  { op: 'write', path: 'a\0b', atomic: true },
  { op: 'list', path: {} },
  { op: 'list', path: '.', recursive: 'yes' },
  { op: 'list', path: 'a\0b' },
  { op: 'stat' },
  { op: 'mkdir', path: false },
  { op: 'move', path: '/etc/passwd' },
  { op: 'move', path: '/etc/passwd', to: 7 },
  { op: 'move', to: 'invalid' },
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

/** Requests that the library never sends. The agent may answer them in any way. */
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

describe.each(places)('the protocol of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)

  describe('hello', () => {
    it('the first frame is hello, with the versions of the protocol and the language', async () => {
      const agent = await agentOfTest(place)
      await agent.ask(exec('true'))
      expect(agent.frames[0]?.kind).toBe(Kind.hello)
      expect(agent.hello).toEqual({ version: 4, language: expect.stringMatching(/^v?\d+\.\d/) })
    })

    it('requests that arrive before hello are answered', async () => {
      const agent = await agentOfTest(place)
      const early = Array.from({ length: 5 }, () => agent.open(sh('cat')))
      for (const [at, request] of early.entries()) {
        void request.writeStdin(`number ${at}`)
        request.end()
      }
      const answers = await Promise.all(early.map((request) => request.answer()))
      expect(answers.map(({ stdout }) => stdout.toString())).toEqual(
        early.map((_, at) => `number ${at}`),
      )
    })
  })

  describe('a frame', () => {
    it('the agent answers a ping with the same id and bytes', async () => {
      const { agent } = await folderOfTest()
      const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const request = agent.open(exec('true'))
      agent.send(Kind.ping, request.id, payload)
      agent.send(Kind.ping, request.id)
      await agent.ping()
      const pongs = agent.frames.filter(({ kind, id }) => kind === Kind.ping && id === request.id)
      expect(pongs.map((pong) => pong.payload)).toEqual([payload, Buffer.alloc(0)])
    })

    it('the agent reads a frame in pieces and many frames at once', async () => {
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

    it.skipIf(isSlow(place))('a request may have the greatest length of a frame', async () => {
      const { agent } = await folderOfTest()
      const request = run('')
      const room = 16_777_216 - JSON.stringify(request).length
      const longest = run('\n'.repeat(room / 2) + ' '.repeat(room % 2))
      expect(JSON.stringify(longest)).toHaveLength(16_777_216)
      expect(await agent.ask(longest)).toMatchObject({ stderr: '', done: { exitCode: 0 } })
    })

    it('the agent ignores a frame for an ended or unknown request', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(exec('true'))
      await request.answer()
      const [over, never] = [request.id, 4_000_000_000]
      for (const id of [over, never]) {
        agent.send(Kind.data, id, Buffer.of(Stream.stdin), Buffer.from('late'))
        agent.send(Kind.eof, id)
        agent.send(Kind.signal, id, Buffer.from('SIGKILL'))
        agent.send(Kind.credit, id, Buffer.of(Stream.stdout, 0, 0, 0, 9))
      }
      expect(await agent.ask(sh('echo well'))).toMatchObject({ stdout: Buffer.from('well\n') })
    })

    it('the agent accepts credit for an unknown stream and excessive credit', async () => {
      const { agent } = await folderOfTest()
      const request = agent.open(sh('cat; echo on stderr >&2'))
      for (const stream of [Stream.stdin, 3, 9, 255]) {
        agent.send(Kind.credit, request.id, Buffer.of(stream, 0, 0, 0, 9))
      }
      for (const stream of [Stream.stdout, Stream.stderr, Stream.stdout, Stream.stderr]) {
        agent.send(Kind.credit, request.id, Buffer.of(stream, 255, 255, 255, 255))
      }
      void request.writeStdin('well').then(() => request.end())
      expect(await request.answer()).toMatchObject({
        stdout: Buffer.from('well'),
        stderr: 'on stderr\n',
        done: { exitCode: 0 },
      })
    })

    it('the agent ignores frames that a request does not use', async () => {
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
      const reading = folder.open({ op: 'read', path: 'f' }, { grantsCredit: false })
      reading.end()
      reading.push('unused')
      reading.end()
      await reading.waitForBytes(WINDOW_BYTES)
      reading.grant(1000)
      expect((await reading.answer()).stdout.toString()).toBe(text)
      const program = folder.start('cat; exit 3')
      program.end()
      program.push('late')
      program.end()
      expect((await program.answer()).done.exitCode).toBe(3)
    })
  })

  describe.skipIf(isSlow(place))('an invalid request', () => {
    it.each(INVALID.map((request) => [JSON.stringify(request), request] as const))(
      'an invalid request is answered with EINVAL: %s',
      async (_, request) => {
        const { agent } = await folderOfTest()
        const running = agent.open(exec('cat'))
        const { done } = await agent.ask(request)
        expect(done).toEqual({
          error: { code: 'EINVAL', message: expect.any(String) },
        })
        // Other requests continue.
        await running.writeStdin('well')
        running.end()
        expect((await running.answer()).stdout.toString()).toBe('well')
      },
    )

    it.each(ODD.map((request) => [JSON.stringify(request), request] as const))(
      'an unusual request is answered: %s',
      async (_, request) => {
        const { agent } = await folderOfTest()
        await agent.ask(request)
        expect((await agent.ask(sh('echo well'))).stdout.toString()).toBe('well\n')
      },
    )
  })

  describe('the end of the agent', () => {
    it('the agent exits when its stdin ends, even if a program runs', async () => {
      const agent = await agentOfTest(place)
      const request = agent.open(sh('echo runs; exec sleep 300'))
      await request.waitForText('runs\n')
      agent.container.stdin.end()
      expect(await within('the agent exits', agent.container.exited)).toMatchObject({ exitCode: 0 })
    })

    it('the agent exits at a frame that is too long, and stderr has the reason', async () => {
      const agent = await agentOfTest(place)
      agent.container.stdin.write(Buffer.from([2, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]))
      const { exitCode, stderr } = await within('the agent exits', agent.container.exited)
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('4294967295')])
    })
  })
})
