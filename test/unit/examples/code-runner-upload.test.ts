import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { uploadOf } from '../../../examples/code-runner/requests/upload.js'

const MAX = 1000

/** Creates a request whose body has these pieces. `null` is the end of the body. */
function bodyOf(...pieces: (string | null)[]): IncomingMessage {
  const incoming = new IncomingMessage(new Socket())
  for (const piece of pieces) incoming.push(piece)
  return incoming
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const pieces = []
  for await (const piece of uploadOf(incoming, MAX)) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

describe('uploadOf()', () => {
  it('yields the body, also if it arrives while the caller waits', async () => {
    expect(await textOf(bodyOf('a', 'bc', null))).toBe('abc')
    expect(await textOf(bodyOf(null))).toBe('')
    const incoming = bodyOf('a')
    const text = textOf(incoming)
    await vi.waitFor(() => expect(incoming.readableLength).toBe(0))
    incoming.push('b')
    await vi.waitFor(() => expect(incoming.readableLength).toBe(0))
    incoming.push(null)
    expect(await text).toBe('ab')
  })

  it('refuses a body that is too long, with or without Content-Length', async () => {
    const refused = { status: 413, code: 'BODY_TOO_LARGE' }
    await expect(textOf(bodyOf('x'.repeat(MAX + 1)))).rejects.toMatchObject(refused)
    expect(await textOf(bodyOf('x'.repeat(MAX), null))).toHaveLength(MAX)
    const declared = bodyOf()
    declared.headers['content-length'] = String(MAX + 1)
    await expect(textOf(declared)).rejects.toMatchObject(refused)
  })

  it('refuses a body of tiny chunks', async () => {
    const incoming = bodyOf('x')
    vi.spyOn(incoming.socket, 'bytesRead', 'get')
      .mockReturnValueOnce(0)
      .mockReturnValue(200 * 1024)
    await expect(textOf(incoming)).rejects.toMatchObject({ status: 400, code: 'BAD_REQUEST' })
  })

  it('fails if the connection closes before the end', async () => {
    const incoming = bodyOf('a')
    const text = textOf(incoming)
    incoming.destroy()
    await expect(text).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('reads no faster than its caller, and stops to listen when the caller stops', async () => {
    const incoming = bodyOf('a')
    const upload = uploadOf(incoming, MAX)
    expect((await upload.next()).value?.toString()).toBe('a')
    incoming.push('b')
    await new Promise(setImmediate)
    expect(incoming.readableLength).toBe(1)
    await upload.return()
    const events = ['readable', 'end', 'error', 'close']
    expect(events.map((event) => incoming.listenerCount(event))).toEqual([0, 0, 0, 0])
  })

  it('rejects after ten seconds without a piece, but has no limit of the total time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const incoming = bodyOf()
    let received = 0
    const read = (async () => {
      for await (const { length } of uploadOf(incoming, MAX)) received += length
    })()
    const outcome = expect(read).rejects.toMatchObject({ status: 408, code: 'BODY_TIMEOUT' })
    await new Promise(setImmediate)
    for (let count = 1; count <= 3; count++) {
      await vi.advanceTimersByTimeAsync(9000)
      incoming.push('x')
      await vi.waitFor(() => expect(received).toBe(count))
      await new Promise(setImmediate)
      await new Promise(setImmediate)
    }
    await vi.advanceTimersByTimeAsync(10_000)
    await outcome
  })
})
