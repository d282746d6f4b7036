import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { HeldBody } from '../../../examples/code-runner/requests/body.js'

const PIECE = Buffer.alloc(1024 * 1024)
const LARGEST = 8
const ignore = () => {}

/** Creates a request whose body has these pieces. `null` is the end of the body. */
function bodyOf(...pieces: (Buffer | null)[]): IncomingMessage {
  const incoming = new IncomingMessage(new Socket())
  for (const piece of pieces) incoming.push(piece)
  return incoming
}

const largestBody = () => bodyOf(...Array<Buffer>(LARGEST).fill(PIECE), null)

describe('HeldBody', () => {
  it('counts until its release, and all bodies together are bounded', async () => {
    // The limit is 256 MiB, and each piece counts a little more than its bytes.
    const bodies = Array.from({ length: 31 }, () => new HeldBody())
    for (const body of bodies) await body.read(largestBody(), ignore)
    const further = new HeldBody()
    const refused = { status: 503, code: 'BUSY' }
    await expect(further.read(largestBody(), ignore)).rejects.toMatchObject(refused)
    further.release()
    bodies[0]?.release()
    const another = new HeldBody()
    await another.read(largestBody(), ignore)
    for (const body of [...bodies, another]) body.release()
  })

  it('returns the pieces of a body in order', async () => {
    const pieces: Buffer[] = []
    const body = new HeldBody()
    await body.read(bodyOf(Buffer.from('a'), Buffer.from('bc'), null), (piece) =>
      pieces.push(piece),
    )
    expect(Buffer.concat(pieces).toString()).toBe('abc')
    body.release()
  })

  it('refuses a body that is too long, with or without Content-Length', async () => {
    const body = new HeldBody()
    const refused = { status: 413, code: 'BODY_TOO_LARGE' }
    const longer = bodyOf(...Array<Buffer>(LARGEST + 1).fill(PIECE))
    await expect(body.read(longer, ignore)).rejects.toMatchObject(refused)
    body.release()
    const declared = bodyOf()
    declared.headers['content-length'] = String(LARGEST * PIECE.length + 1)
    expect(() => body.read(declared, ignore)).toThrow(expect.objectContaining(refused))
  })

  it('rejects if its callback throws, and if the connection closes', async () => {
    const failure = new Error('enough')
    const fail = () => {
      throw failure
    }
    await expect(new HeldBody().read(bodyOf(Buffer.from('a')), fail)).rejects.toBe(failure)
    const closed = bodyOf(Buffer.from('a'))
    const read = new HeldBody().read(closed, ignore)
    closed.destroy()
    await expect(read).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('rejects after ten seconds without a piece, but has no limit of the total time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const incoming = bodyOf()
    let received = 0
    const read = new HeldBody().read(incoming, (piece) => (received += piece.length))
    const outcome = expect(read).rejects.toMatchObject({ status: 408, code: 'BODY_TIMEOUT' })
    for (let count = 1; count <= 3; count++) {
      await vi.advanceTimersByTimeAsync(9000)
      incoming.push('x')
      await vi.waitFor(() => expect(received).toBe(count))
    }
    await vi.advanceTimersByTimeAsync(10_000)
    await outcome
  })
})
