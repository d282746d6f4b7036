import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Frame } from '../../../src/agent/protocol.js'
import { CHUNK_BYTES, encodeFrame, FrameReader, Kind } from '../../../src/agent/protocol.js'

const toPlain = ({ kind, id, payload }: Frame) => ({ kind, id, payload: payload.toString('hex') })

const Frames = fc.array(
  fc.record({
    kind: fc.nat(255),
    id: fc.nat(2 ** 32 - 1),
    payload: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  }),
)

describe('frames', () => {
  it('have the layout of protocol.md', () => {
    const bytes = encodeFrame(Kind.data, 0x01020304, Uint8Array.of(1), Buffer.from('ab'))
    expect(bytes.toString('hex')).toBe('030102030400000003016162')
  })

  it('are read as they were written, wherever the stream is split', () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 30 }))
    fc.assert(
      fc.property(Frames, sizes, (frames, size) => {
        const stream = Buffer.concat(
          frames.map(({ kind, id, payload }) => encodeFrame(kind, id, payload)),
        )
        const reader = new FrameReader()
        const read: Frame[] = []
        for (let at = 0; at < stream.length;) {
          const end = at + (size.next().value ?? 1)
          read.push(...reader.read(stream.subarray(at, end)))
          at = end
        }
        expect(read.map(toPlain)).toEqual(frames.map(toPlain))
      }),
    )
  })

  it('have at most the size of a piece of data and its stream number', () => {
    const longest = encodeFrame(Kind.data, 1, Buffer.alloc(CHUNK_BYTES + 1))
    expect([...new FrameReader().read(longest)]).toHaveLength(1)
    const longer = encodeFrame(Kind.data, 1, Buffer.alloc(CHUNK_BYTES + 2)).subarray(0, 9)
    expect(() => [...new FrameReader().read(longer)]).toThrow(RangeError)
  })

  it('are refused by their header if they are too long', () => {
    const header = Buffer.from('0300000001ffffffff', 'hex')
    expect(() => [...new FrameReader().read(header)]).toThrow('a frame of 4294967295 bytes')
  })
})
