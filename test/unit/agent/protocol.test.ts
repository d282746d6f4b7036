import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Frame } from '../../../src/agent/protocol.js'
import { CHUNK_BYTES, encodeFrame, FrameReader, Kind } from '../../../src/agent/protocol.js'

const plain = ({ kind, id, payload }: Frame) => ({ kind, id, payload: payload.toString('hex') })

const Frames = fc.array(
  fc.record({
    kind: fc.nat(255),
    id: fc.nat(2 ** 32 - 1),
    payload: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  }),
)

describe('frames', () => {
  it('are laid out as protocol.md says', () => {
    const bytes = encodeFrame(Kind.data, 0x01020304, Uint8Array.of(1), Buffer.from('ab'))
    expect(bytes.toString('hex')).toBe('030102030400000003016162')
  })

  it('come out as they went in, however the stream is cut', () => {
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
        expect(read.map(plain)).toEqual(frames.map(plain))
      }),
    )
  })

  it('may be as long as a piece of data and its stream number, not longer', () => {
    const longest = encodeFrame(Kind.data, 1, Buffer.alloc(CHUNK_BYTES + 1))
    expect(new FrameReader().read(longest)).toHaveLength(1)
    const longer = encodeFrame(Kind.data, 1, Buffer.alloc(CHUNK_BYTES + 2)).subarray(0, 9)
    expect(() => new FrameReader().read(longer)).toThrow(RangeError)
  })

  it('that are too long are refused by their header, before they are read', () => {
    const header = Buffer.from('0300000001ffffffff', 'hex')
    expect(() => new FrameReader().read(header)).toThrow('a frame of 4294967295 bytes')
  })
})
