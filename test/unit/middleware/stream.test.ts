import { Hono } from 'hono'
import { describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../../src/agent/channel.js'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import { SandboxError } from '../../../src/errors.js'
import { Lease } from '../../../src/pool/lease.js'
import { Sandbox } from '../../../src/sandbox/sandbox.js'
import { formatFor } from '../../../middleware/event-format.js'
import type { StreamEvent } from '../../../middleware/event-format.js'
import { eventStream } from '../../../middleware/event-stream.js'
import { streamSandbox } from '../../../middleware/index.js'
import { BodyReader, eventsIn } from '../../helpers/events.js'
import { flow, openChannel } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const SSE = 'text/event-stream'

describe('the format', () => {
  it.each([
    [undefined, SSE],
    ['*/*', SSE],
    ['text/html', SSE],
    ['text/event-stream', SSE],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['application/ndjson', 'application/ndjson'],
    ['application/jsonl', 'application/jsonl'],
    ['application/*', 'application/x-ndjson'],
    ['application/x-ndjson;q=0.5, text/event-stream', SSE],
    ['text/event-stream;q=0.5, application/jsonl', 'application/jsonl'],
    ['application/x-ndjson;q=0', SSE],
  ])('for Accept: %s', async (accept, type) => {
    const app = new Hono().get('/', (c) => c.text(formatFor(c).contentType))
    const answer = await app.request('/', { headers: accept === undefined ? {} : { accept } })
    expect(await answer.text()).toBe(type)
  })

  it('is one event a block or a line, whatever the program writes', async () => {
    const data = 'a\nb\r\n\n\u2028data: {}\n\nevent: exit\n\0"'
    for (const accept of [SSE, 'application/jsonl']) {
      const app = new Hono().get('/', (c) => c.text(formatFor(c).encode({ type: 'stdout', data })))
      const answer = await app.request('/', { headers: { accept } })
      expect(eventsIn(await answer.text())).toEqual([{ type: 'stdout', data }])
    }
  })
})

describe('a stream of events', () => {
  const encode = ({ type }: StreamEvent) => `${type}\n`

  /** Events that come when the test says so. */
  function stream(heartbeatMs = 100) {
    let tell: (event: StreamEvent) => void = () => {}
    const state = { asked: 0, cancels: 0, isOver: false }
    async function* source(): AsyncGenerator<StreamEvent, void, undefined> {
      try {
        for (;;) {
          state.asked++
          yield await new Promise<StreamEvent>((resolve) => {
            tell = resolve
          })
        }
      } finally {
        state.isOver = true
      }
    }
    const format = { contentType: SSE, encode }
    const body = eventStream(source(), format, heartbeatMs, () => state.cancels++)
    return { state, reader: new BodyReader(new Response(body)), say: (e: StreamEvent) => tell(e) }
  }
  const exit: StreamEvent = {
    type: 'exit',
    exitCode: 0,
    signal: null,
    durationMs: 1,
    usage: undefined,
    truncated: false,
  }

  it('asks for the first at once, and for another when it is read', async () => {
    const { state, reader, say } = stream()
    expect(state.asked).toBe(1)
    say({ type: 'stdout', data: '1' })
    await reader.more()
    await flow()
    expect(state.asked).toBe(1)
    const second = reader.more()
    await flow()
    expect(state.asked).toBe(2)
    say(exit)
    await second
    expect(await reader.rest()).toBe('stdout\nexit\n')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('has a heartbeat each time that nothing comes, and leaves no timer', async () => {
    const { reader, say } = stream()
    const all = reader.rest()
    await vi.advanceTimersByTimeAsync(350)
    say({ type: 'stdout', data: '1' })
    await vi.advanceTimersByTimeAsync(99)
    say(exit)
    expect(await all).toBe('heartbeat\n'.repeat(3) + 'stdout\nexit\n')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('has no heartbeat that nobody reads', async () => {
    const { reader, say } = stream()
    const first = reader.more()
    say({ type: 'stdout', data: '1' })
    await first
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(10_000)
    const rest = reader.rest()
    await flow()
    say(exit)
    expect(await rest).toBe('stdout\nexit\n')
  })

  it('without heartbeats is silent', async () => {
    const { reader, say } = stream(0)
    const all = reader.rest()
    await vi.advanceTimersByTimeAsync(100_000)
    say(exit)
    expect(await all).toBe('exit\n')
  })

  it('that is cancelled while it waits ends its source, and leaves no timer', async () => {
    const { state, reader, say } = stream()
    const waiting = reader.more()
    await flow()
    await reader.cancel()
    expect(await waiting).toBe(false)
    expect(state.cancels).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
    say({ type: 'stdout', data: 'late' })
    await flow()
    expect(state.isOver).toBe(true)
  })
})

describe('streamSandbox', () => {
  async function streamed(
    run: (sandbox: Sandbox) => Parameters<typeof streamSandbox>[1],
    options: Parameters<typeof streamSandbox>[2] = {},
  ) {
    const { agent, channel } = await openChannel()
    const lease = new Lease<Channel>(channel, () => 'recreated')
    const sandbox = new Sandbox(lease, { language: 'python', runtime: 'runc' })
    const app = new Hono().get('/', (c) => streamSandbox(c, run(sandbox), options))
    app.onError((error, c) => c.json({ code: error instanceof SandboxError && error.code }, 500))
    const answer = await app.request('/', { headers: { accept: 'application/jsonl' } })
    await flow()
    return { agent, answer }
  }

  it('tells output and end, with what is undefined left out', async () => {
    const { agent, answer } = await streamed((sandbox) => sandbox.exec('true'))
    agent.data(1, Stream.stderr, 'ü')
    agent.done(1, { exitCode: null, signal: 'SIGKILL', cause: 'oom' })
    expect(eventsIn(await answer.text())).toEqual([
      { type: 'stderr', data: 'ü' },
      {
        type: 'exit',
        exitCode: null,
        signal: 'SIGKILL',
        killedBy: 'oom',
        durationMs: expect.any(Number),
        truncated: false,
      },
    ])
  })

  it('tells of an error of the app’s own no more than that, and the app the error', async () => {
    const errors: unknown[] = []
    const onStdout = () => {
      throw new Error('postgres://secret')
    }
    const { agent, answer } = await streamed((sandbox) => sandbox.exec('true', { onStdout }), {
      onError: (error) => {
        errors.push(error)
        throw new Error('so does the handler')
      },
    })
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    agent.data(1, Stream.stdout, 'out')
    const [event, ...more] = eventsIn(await answer.text())
    expect(more).toEqual([])
    expect(event).toEqual({
      type: 'error',
      error: { code: 'INTERNAL', message: 'Internal Server Error' },
    })
    expect(errors).toMatchObject([{ message: 'postgres://secret' }])
    expect(log.mock.calls).toMatchObject([[{ message: 'so does the handler' }]])
    log.mockRestore()
    await flow()
    expect(agent.heardOf(Kind.signal).map(({ payload }) => payload.toString())).toEqual(['SIGKILL'])
  })

  it('by default writes such an error to the console, and no SandboxError', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const stdin = new ReadableStream<string>({ pull: () => Promise.reject(new Error('mine')) })
    const { agent, answer } = await streamed((sandbox) => sandbox.exec('cat', { stdin }))
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    expect(eventsIn(await answer.text())).toMatchObject([{ error: { code: 'INTERNAL' } }])
    const refused = await streamed((sandbox) => sandbox.exec([]))
    expect(eventsIn(await refused.answer.text())).toMatchObject([
      { error: { code: 'SANDBOX_INVALID_OPTION' } },
    ])
    expect(log.mock.calls).toMatchObject([[{ message: 'mine' }]])
    log.mockRestore()
  })

  it('is an error where the handle is iterated already', async () => {
    const { answer } = await streamed((sandbox) => {
      const handle = sandbox.exec('true')
      void handle[Symbol.asyncIterator]().next()
      return handle
    })
    expect(eventsIn(await answer.text())).toMatchObject([
      { error: { code: 'SANDBOX_INVALID_OPTION' } },
    ])
  })

  it('kills when it is cancelled, and only then', async () => {
    const { agent, answer } = await streamed((sandbox) => sandbox.exec('true'))
    expect(agent.heardOf(Kind.signal)).toEqual([])
    await answer.body?.cancel()
    await flow()
    expect(agent.heardOf(Kind.signal).map(({ payload }) => payload.toString())).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    await flow()
    // What is left is the channel's own ping.
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1)
  })

  it.each([{ heartbeatMs: -1 }, { heartbeatMs: Number.NaN }, { heartbeatMs: 2 ** 31 }])(
    'does not take %o',
    async (options) => {
      const { answer } = await streamed((sandbox) => sandbox.exec([]), options)
      expect([answer.status, await answer.json()]).toEqual([
        500,
        { code: 'SANDBOX_INVALID_OPTION' },
      ])
    },
  )

  it('adds to Vary', async () => {
    const { channel } = await openChannel()
    const lease = new Lease<Channel>(channel, () => 'recreated')
    const held = new Sandbox(lease, { language: 'python', runtime: 'runc' })
    const app = new Hono().get('/', (c) => {
      c.header('Vary', 'Origin')
      return streamSandbox(c, held.exec('true'))
    })
    const answer = await app.request('/', { method: 'HEAD' })
    expect(answer.headers.get('vary')).toBe('Origin, Accept')
  })
})
