import { array, assert, asyncProperty, constantFrom, nat, oneof, record, string } from 'fast-check'
import { Hono } from 'hono'
import { describe, expect, it, vi } from 'vitest'
import type { StreamEvent } from '../../../middleware/stream-event.js'
import { formatFor } from '../../../middleware/event-format.js'
import type { ReadEventsOptions, RunEvent } from '../../../src/client/index.js'
import { readEvents, SandboxClientError } from '../../../src/client/index.js'
import { cutAt, responseOf } from '../../helpers/chunks.js'
import { cases } from '../fakes/property.js'

const SSE = 'text/event-stream'
const LINES = 'application/x-ndjson'
const EXIT: StreamEvent = {
  type: 'exit',
  exitCode: 0,
  signal: null,
  durationMs: 1,
  usage: undefined,
  truncated: false,
}
const bytesOf = (text: string) => new TextEncoder().encode(text)

/** Returns the text that the server sends for these events. */
async function encode(events: readonly StreamEvent[], accept: string): Promise<string> {
  const app = new Hono().get('/', (c) =>
    c.text(events.map((each) => formatFor(c).encode(each)).join('')),
  )
  return (await app.request('/', { headers: { accept } })).text()
}

async function readAll(response: Response, options?: ReadEventsOptions): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of readEvents(response, options)) events.push(event)
  return events
}

const textOf = (text: string, type = LINES) => responseOf([bytesOf(text)], type)

describe('readEvents()', () => {
  const data = string({ unit: 'binary' })
  const event = oneof(
    record({ type: constantFrom('stdout' as const, 'stderr' as const), data }),
    record({
      type: constantFrom('result' as const),
      result: record({ isMain: constantFrom(true), text: data }),
    }),
    record({ type: constantFrom('heartbeat' as const) }),
  )

  it.each([SSE, LINES])('yields the events of %s wherever its bytes are cut', async (type) => {
    const lineEnds = constantFrom('\n', '\r\n', '\r')
    const property = asyncProperty(
      array(event),
      array(nat()),
      lineEnds,
      async (some, places, end) => {
        const events = [...some, EXIT]
        const text = (await encode(events, type)).replaceAll('\n', end)
        const response = responseOf(cutAt(bytesOf(text), places), `${type}; charset=utf-8`)
        const expected = events.filter((each) => each.type !== 'heartbeat')
        expect(await readAll(response)).toEqual(JSON.parse(JSON.stringify(expected)))
      },
    )
    await assert(property, cases(400))
  })

  it.each(['\n', '\r\n', '\r'])(
    'joins the data lines of server-sent events with %j',
    async (end) => {
      const lines = ['\u{feff}retry: 5', 'id: 1', 'event: x', 'data:{"type":', 'data: "new"}', '']
      lines.push(': comment', '', 'data', '', 'data: {"type":"exit",', 'data:"exitCode":1}', '', '')
      const chunks = Array.from(bytesOf(lines.join(end)), (byte) => Uint8Array.of(byte))
      const events = await readAll(responseOf(chunks, SSE))
      expect(events).toEqual([{ type: 'exit', exitCode: 1 }])
    },
  )

  it('ends after the last event, although the body goes on', async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytesOf(`${JSON.stringify(EXIT)}\n{"type"`)),
    })
    const response = new Response(body, { headers: { 'content-type': LINES } })
    expect(await readAll(response)).toHaveLength(1)
  })

  it.each([
    ['has no event', LINES, ''],
    ['has only output', LINES, '{"type":"stdout","data":"1"}\n'],
    ['ends within the last line', LINES, '{"type":"exit","exitCode":0}'],
    ['ends within the last event', SSE, 'data: {"type":"exit","exitCode":0}\n'],
  ])('throws `cut` if the stream %s', async (_, type, text) => {
    await expect(readAll(textOf(text, type))).rejects.toMatchObject({ reason: 'cut' })
  })

  it('throws `cut` with the cause if the connection is lost', async () => {
    const cause = new TypeError('terminated')
    const chunks = [bytesOf('{"type":"stdout","data":"1"}\n'), cause]
    const error = { name: 'SandboxClientError', reason: 'cut', cause }
    await expect(readAll(responseOf(chunks, LINES))).rejects.toMatchObject(error)
  })

  it.each([
    ['is not JSON', LINES, 's3cr3t\n'],
    ['has too long a line', LINES, 'x'.repeat(101)],
    ['has too long an event', SSE, 'data: 12345678\n'.repeat(20)],
    ['has another type', 'text/html', '<p>'],
  ])('throws `invalid` if the stream %s', async (_, type, text) => {
    const failure = readAll(textOf(text, type), { maxLineLength: 100 }).catch(
      (error: unknown) => error,
    )
    expect(await failure).toMatchObject({ reason: 'invalid' })
    expect(String(await failure)).not.toContain('s3cr3t')
  })

  it.each<[string, string, Record<string, string>, object]>([
    [
      'seconds',
      '{"error":{"code":"A","message":"b"}}',
      { 'retry-after': '3' },
      { code: 'A', message: 'b', retryAfterMs: 3000 },
    ],
    [
      'a date',
      '{}',
      { 'retry-after': 'Thu, 01 Jan 1970 00:01:00 GMT' },
      { code: undefined, retryAfterMs: 59_000 },
    ],
    ['no time', '<p>', {}, { code: undefined, retryAfterMs: undefined }],
    ['an unknown time', 'null', { 'retry-after': 'soon' }, { retryAfterMs: undefined }],
  ])('throws `refused` with the fields of the answer and %s', async (_, body, headers, fields) => {
    vi.useFakeTimers({ now: 1000, toFake: ['Date'] })
    const failure = readAll(new Response(body, { status: 503, headers }))
    await expect(failure).rejects.toMatchObject({ reason: 'refused', status: 503, ...fields })
    await expect(failure).rejects.toBeInstanceOf(SandboxClientError)
    vi.useRealTimers()
  })

  it('throws the reason of the signal, and cancels the body', async () => {
    let reason: unknown
    const body = new ReadableStream<Uint8Array>({ cancel: (why) => void (reason = why) })
    const response = new Response(body, { headers: { 'content-type': LINES } })
    const abort = new AbortController()
    const failure = readAll(response, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(failure).rejects.toThrow('enough')
    expect(reason).toBe(abort.signal.reason)
  })

  it('cancels the body if the loop ends early', async () => {
    let isCancelled = false
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytesOf('{"type":"stdout","data":"1"}\n')),
      cancel: () => void (isCancelled = true),
    })
    const response = new Response(body, { headers: { 'content-type': LINES } })
    for await (const { type } of readEvents(response)) if (type === 'stdout') break
    expect(isCancelled).toBe(true)
  })
})
