import { Hono } from 'hono'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import { SandboxError } from '../../../src/errors.js'
import type { Sandbox } from '../../../src/sandbox/sandbox.js'
import { formatFor } from '../../../middleware/event-format.js'
import type { StreamEvent } from '../../../middleware/stream-event.js'
import { eventStream } from '../../../middleware/event-stream.js'
import { streamSandbox } from '../../../middleware/index.js'
import { BodyReader, eventsIn } from '../../helpers/events.js'
import { flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const SSE = 'text/event-stream'

describe('formatFor', () => {
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
  ])('chooses a content type for Accept: %s', async (accept, type) => {
    const app = new Hono().get('/', (c) => c.text(formatFor(c).contentType))
    const answer = await app.request('/', { headers: accept === undefined ? {} : { accept } })
    expect(await answer.text()).toBe(type)
  })

  it('encodes each event as one block or line, with any output of the program', async () => {
    const data = 'a\nb\r\n\n\u2028data: {}\n\nevent: exit\n\0"'
    for (const accept of [SSE, 'application/jsonl']) {
      const app = new Hono().get('/', (c) => c.text(formatFor(c).encode({ type: 'stdout', data })))
      const answer = await app.request('/', { headers: { accept } })
      expect(eventsIn(await answer.text())).toEqual([{ type: 'stdout', data }])
    }
  })
})

describe('eventStream', () => {
  const encode = ({ type }: StreamEvent) => `${type}\n`

  /** Creates a stream whose events come from `send`. */
  function createStream(heartbeatMs = 100) {
    let resolveNext: (event: StreamEvent) => void = () => {}
    const state = { pulls: 0, cancels: 0, isOver: false }
    async function* source(): AsyncGenerator<StreamEvent, void, undefined> {
      try {
        for (;;) {
          state.pulls++
          yield await new Promise<StreamEvent>((resolve) => {
            resolveNext = resolve
          })
        }
      } finally {
        state.isOver = true
      }
    }
    const format = { contentType: SSE, encode }
    const body = eventStream(source(), format, heartbeatMs, () => state.cancels++)
    const send = (event: StreamEvent) => resolveNext(event)
    return { state, reader: new BodyReader(new Response(body)), send }
  }
  const exit: StreamEvent = {
    type: 'exit',
    exitCode: 0,
    signal: null,
    durationMs: 1,
    usage: undefined,
    truncated: false,
  }

  it('pulls the first event at once, and each further event when the client reads', async () => {
    const { state, reader, send } = createStream()
    expect(state.pulls).toBe(1)
    send({ type: 'stdout', data: '1' })
    await reader.more()
    await flushStreams()
    expect(state.pulls).toBe(1)
    const second = reader.more()
    await flushStreams()
    expect(state.pulls).toBe(2)
    send(exit)
    await second
    expect(await reader.rest()).toBe('stdout\nexit\n')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sends heartbeats while no event comes, and leaves no timer', async () => {
    const { reader, send } = createStream()
    const all = reader.rest()
    await vi.advanceTimersByTimeAsync(350)
    send({ type: 'stdout', data: '1' })
    await vi.advanceTimersByTimeAsync(99)
    send(exit)
    expect(await all).toBe('heartbeat\n'.repeat(3) + 'stdout\nexit\n')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sends no heartbeat if the client does not read', async () => {
    const { reader, send } = createStream()
    const first = reader.more()
    send({ type: 'stdout', data: '1' })
    await first
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(10_000)
    const rest = reader.rest()
    await flushStreams()
    send(exit)
    expect(await rest).toBe('stdout\nexit\n')
  })

  it('sends no heartbeat if the interval is 0', async () => {
    const { reader, send } = createStream(0)
    const all = reader.rest()
    await vi.advanceTimersByTimeAsync(100_000)
    send(exit)
    expect(await all).toBe('exit\n')
  })

  it('ends its source and leaves no timer if it is cancelled while it waits', async () => {
    const { state, reader, send } = createStream()
    const waiting = reader.more()
    await flushStreams()
    await reader.cancel()
    expect(await waiting).toBe(false)
    expect(state.cancels).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
    send({ type: 'stdout', data: 'late' })
    await flushStreams()
    expect(state.isOver).toBe(true)
  })
})

describe('streamSandbox', () => {
  async function streamFrom(
    run: (sandbox: Sandbox) => Parameters<typeof streamSandbox>[1],
    options: Parameters<typeof streamSandbox>[2] = {},
  ) {
    const { agent, sandbox } = await leaseSandbox()
    const app = new Hono().get('/', (c) => streamSandbox(c, run(sandbox), options))
    app.onError((error, c) => c.json({ code: error instanceof SandboxError && error.code }, 500))
    const answer = await app.request('/', { headers: { accept: 'application/jsonl' } })
    await flushStreams()
    return { agent, answer }
  }

  it('sends output and the exit event, without undefined fields', async () => {
    const { agent, answer } = await streamFrom((sandbox) => sandbox.exec('true'))
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

  it('sends the results of atEnd before the exit, and an error if it throws', async () => {
    const last = [{ isMain: false, text: 'last' }]
    const first = await streamFrom((sandbox) => sandbox.exec('true'), { atEnd: async () => last })
    first.agent.data(1, Stream.stdout, 'out')
    first.agent.done(1, { exitCode: 0 })
    expect(eventsIn(await first.answer.text())).toMatchObject([
      { type: 'stdout' },
      { type: 'result', result: { text: 'last' } },
      { type: 'exit', exitCode: 0 },
    ])
    const atEnd = () => Promise.reject(new SandboxError('SANDBOX_LEASE_ENDED', 'over'))
    const second = await streamFrom((sandbox) => sandbox.exec('true'), { atEnd })
    second.agent.done(1, { exitCode: 0 })
    expect(eventsIn(await second.answer.text())).toMatchObject([
      { type: 'error', error: { code: 'SANDBOX_LEASE_ENDED' } },
    ])
  })

  it('sends no details of an error of the app, and passes the error to onError', async () => {
    const errors: unknown[] = []
    const onStdout = () => {
      throw new Error('postgres://secret')
    }
    const { agent, answer } = await streamFrom((sandbox) => sandbox.exec('true', { onStdout }), {
      onError: (error) => {
        errors.push(error)
        throw new Error('onError throws too')
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
    expect(log.mock.calls).toMatchObject([[{ message: 'onError throws too' }]])
    log.mockRestore()
    await flushStreams()
    expect(agent.receivedOf(Kind.signal).map(({ payload }) => payload.toString())).toEqual([
      'SIGKILL',
    ])
  })

  it('writes an error of the app to the console by default, but no SandboxError', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const stdin = new ReadableStream<string>({ pull: () => Promise.reject(new Error('mine')) })
    const { agent, answer } = await streamFrom((sandbox) => sandbox.exec('cat', { stdin }))
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    expect(eventsIn(await answer.text())).toMatchObject([{ error: { code: 'INTERNAL' } }])
    const refused = await streamFrom((sandbox) => sandbox.exec([]))
    expect(eventsIn(await refused.answer.text())).toMatchObject([
      { error: { code: 'SANDBOX_INVALID_OPTION' } },
    ])
    expect(log.mock.calls).toMatchObject([[{ message: 'mine' }]])
    log.mockRestore()
  })

  it('sends an error if the handle already has a loop', async () => {
    const { answer } = await streamFrom((sandbox) => {
      const handle = sandbox.exec('true')
      void handle[Symbol.asyncIterator]().next()
      return handle
    })
    expect(eventsIn(await answer.text())).toMatchObject([
      { error: { code: 'SANDBOX_INVALID_OPTION' } },
    ])
  })

  it('kills the program only when the stream is cancelled', async () => {
    const { agent, answer } = await streamFrom((sandbox) => sandbox.exec('true'))
    expect(agent.receivedOf(Kind.signal)).toEqual([])
    await answer.body?.cancel()
    await flushStreams()
    expect(agent.receivedOf(Kind.signal).map(({ payload }) => payload.toString())).toEqual([
      'SIGKILL',
    ])
    agent.done(1, { signal: 'SIGKILL' })
    await flushStreams()
    // The timer that may remain is the ping of the channel.
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1)
  })

  it.each([{ heartbeatMs: -1 }, { heartbeatMs: Number.NaN }, { heartbeatMs: 2 ** 31 }])(
    'refuses the option %o',
    async (options) => {
      const { answer } = await streamFrom((sandbox) => sandbox.exec([]), options)
      expect([answer.status, await answer.json()]).toEqual([
        500,
        { code: 'SANDBOX_INVALID_OPTION' },
      ])
    },
  )

  it('appends Accept to the Vary header', async () => {
    const { sandbox } = await leaseSandbox()
    const app = new Hono().get('/', (c) => {
      c.header('Vary', 'Origin')
      return streamSandbox(c, sandbox.exec('true'))
    })
    const answer = await app.request('/', { method: 'HEAD' })
    expect(answer.headers.get('vary')).toBe('Origin, Accept')
  })
})
