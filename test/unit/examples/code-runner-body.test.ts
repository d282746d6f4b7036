import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { HeldBody } from '../../../examples/code-runner/body.js'

const PIECE = Buffer.alloc(1024 * 1024)
const LARGEST = 8
const ignore = () => {}

/** A request whose body has these pieces, and no end if it is not said. */
function bodyOf(...pieces: (Buffer | null)[]): IncomingMessage {
  const incoming = new IncomingMessage(new Socket())
  for (const piece of pieces) incoming.push(piece)
  return incoming
}

const largest = () => bodyOf(...Array<Buffer>(LARGEST).fill(PIECE), null)

describe('a body', () => {
  it('is held until it is released, and all of them are bounded together', async () => {
    // Of 256 MiB: each piece counts for a little more than its bytes.
    const bodies = Array.from({ length: 31 }, () => new HeldBody())
    for (const body of bodies) await body.read(largest(), ignore)
    const further = new HeldBody()
    const refused = { status: 503, code: 'BUSY' }
    await expect(further.read(largest(), ignore)).rejects.toMatchObject(refused)
    further.release()
    bodies[0]?.release()
    const another = new HeldBody()
    await another.read(largest(), ignore)
    for (const body of [...bodies, another]) body.release()
  })

  it('is given in order, to its end', async () => {
    const pieces: Buffer[] = []
    const body = new HeldBody()
    await body.read(bodyOf(Buffer.from('a'), Buffer.from('bc'), null), (piece) =>
      pieces.push(piece),
    )
    expect(Buffer.concat(pieces).toString()).toBe('abc')
    body.release()
  })

  it('that is too long is refused, whether it says so or not', async () => {
    const body = new HeldBody()
    const refused = { status: 413, code: 'BODY_TOO_LARGE' }
    const longer = bodyOf(...Array<Buffer>(LARGEST + 1).fill(PIECE))
    await expect(body.read(longer, ignore)).rejects.toMatchObject(refused)
    body.release()
    const saying = bodyOf()
    saying.headers['content-length'] = String(LARGEST * PIECE.length + 1)
    expect(() => body.read(saying, ignore)).toThrow(expect.objectContaining(refused))
  })

  it('ends with what its reader throws, and with the connection', async () => {
    const failure = new Error('enough')
    const fail = () => {
      throw failure
    }
    await expect(new HeldBody().read(bodyOf(Buffer.from('a')), fail)).rejects.toBe(failure)
    const leaving = bodyOf(Buffer.from('a'))
    const read = new HeldBody().read(leaving, ignore)
    leaving.destroy()
    await expect(read).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('may take long, but must go on', async () => {
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
