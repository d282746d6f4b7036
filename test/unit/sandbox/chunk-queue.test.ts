import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES } from '../../../src/agent/protocol.js'
import { GrowingBuffer } from '../../../src/util/growing-buffer.js'
import { ChunkQueue } from '../../../src/sandbox/streams/chunk-queue.js'
import { outcomeOf } from '../fakes/fake-pool.js'

/** Everything that is there now. */
function all(queue: ChunkQueue) {
  const pieces: { stream: number; bytes: string }[] = []
  for (let piece = queue.tryTake(); piece; piece = queue.tryTake()) {
    pieces.push({ stream: piece.stream, bytes: piece.bytes.toString('latin1') })
  }
  return pieces
}

const Push = fc.record({ stream: fc.constantFrom(1, 2), size: fc.integer({ min: 1, max: 5 }) })

describe('ChunkQueue', () => {
  it('joins neighbours of one stream, and keeps the order', () => {
    const queue = new ChunkQueue()
    for (const [stream, text] of [
      [1, 'a'],
      [1, 'b'],
      [2, 'c'],
      [1, 'd'],
    ] as const) {
      queue.push(stream, Buffer.from(text))
    }
    expect(all(queue)).toEqual([
      { stream: 1, bytes: 'ab' },
      { stream: 2, bytes: 'c' },
      { stream: 1, bytes: 'd' },
    ])
  })

  it('joins no more than one piece of data can hold', () => {
    const queue = new ChunkQueue()
    queue.push(1, Buffer.alloc(CHUNK_BYTES - 1))
    queue.push(1, Buffer.alloc(1))
    queue.push(1, Buffer.alloc(1))
    expect(all(queue).map(({ bytes }) => bytes.length)).toEqual([CHUNK_BYTES, 1])
  })

  it('keeps a copy: one byte does not hold the chunk that it came in', () => {
    const queue = new ChunkQueue()
    const chunk = Buffer.from('abc')
    queue.push(1, chunk.subarray(0, 1))
    chunk.fill('x')
    expect(all(queue)).toEqual([{ stream: 1, bytes: 'a' }])
  })

  it('does not touch a piece that was taken', () => {
    const queue = new ChunkQueue()
    queue.push(1, Buffer.from('a'))
    const taken = queue.tryTake()
    queue.push(1, Buffer.from('b'))
    expect(taken?.bytes.toString()).toBe('a')
  })

  it('wakes who waits, by a piece and by the end', async () => {
    const queue = new ChunkQueue()
    const first = queue.take()
    expect(await outcomeOf(first)).toBe('pending')
    queue.push(2, Buffer.from('a'))
    expect(await outcomeOf(first)).toEqual({ stream: 2, bytes: Buffer.from('a'), results: [] })
    const second = queue.take()
    queue.end()
    expect(await outcomeOf(second)).toBeUndefined()
  })

  it('gives what has come before the end', async () => {
    const queue = new ChunkQueue()
    queue.push(1, Buffer.from('a'))
    queue.end()
    expect(await queue.take()).toMatchObject({ stream: 1 })
    expect(await queue.take()).toBeUndefined()
    expect(await queue.take()).toBeUndefined()
  })

  it('stays small where streams take turns byte by byte, and loses none of them', () => {
    const queue = new ChunkQueue()
    const count = 150_000
    for (let at = 0; at < count; at++) {
      queue.push(1, Buffer.of(at % 251))
      queue.push(2, Buffer.of(at % 241))
    }
    const pieces = all(queue)
    expect(pieces.length).toBeLessThanOrEqual(256)
    for (const [stream, modulus] of [
      [1, 251],
      [2, 241],
    ] as const) {
      const bytes = Buffer.from(
        pieces.map((p) => (p.stream === stream ? p.bytes : '')).join(''),
        'latin1',
      )
      expect(bytes).toHaveLength(count)
      expect(bytes.every((byte, at) => byte === at % modulus)).toBe(true)
    }
  })

  it('gives each stream whole, however it is pushed and taken', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(Push, { freq: 6 }), { maxLength: 1500, size: 'max' }),
        (steps) => {
          const queue = new ChunkQueue()
          const pushed = { 1: '', 2: '' }
          const taken = { 1: '', 2: '' }
          const take = () => {
            const piece = queue.tryTake()
            if (piece?.stream === 1) taken[1] += piece.bytes.toString('latin1')
            if (piece?.stream === 2) taken[2] += piece.bytes.toString('latin1')
            return piece
          }
          let at = 0
          for (const step of steps) {
            if (!step) {
              take()
              continue
            }
            const bytes = Buffer.alloc(step.size, at++ % 256)
            queue.push(step.stream, bytes)
            if (step.stream === 1) pushed[1] += bytes.toString('latin1')
            else pushed[2] += bytes.toString('latin1')
          }
          while (take());
          expect(taken).toEqual(pushed)
        },
      ),
    )
  })

  it('keeps the order between streams up to 256 pieces', () => {
    fc.assert(
      fc.property(fc.array(Push, { maxLength: 256, size: 'max' }), (pushes) => {
        const queue = new ChunkQueue()
        const order = pushes.map(({ stream, size }) => `${stream}`.repeat(size)).join('')
        for (const { stream, size } of pushes) queue.push(stream, Buffer.alloc(size))
        const pieces = all(queue)
        expect(pieces.map(({ stream, bytes }) => `${stream}`.repeat(bytes.length)).join('')).toBe(
          order,
        )
      }),
    )
  })

  it('keeps the order of 256 pieces, and joins the next to the last of its stream', () => {
    const queue = new ChunkQueue()
    for (let at = 0; at < 256; at++) queue.push(1 + (at % 2), Buffer.of(at))
    queue.push(1, Buffer.from('!'))
    const pieces = all(queue).map(({ bytes }) => bytes)
    expect(pieces).toHaveLength(256)
    expect(pieces.slice(0, 254).map((bytes) => bytes.charCodeAt(0))).toEqual([...Array(254).keys()])
    expect(pieces.slice(254)).toEqual(['\xfe!', '\xff'])
  })

  it('never has more than 256 pieces', () => {
    fc.assert(
      fc.property(fc.array(Push, { minLength: 200, maxLength: 2000, size: 'max' }), (pushes) => {
        const queue = new ChunkQueue()
        for (const { stream, size } of pushes) queue.push(stream, Buffer.alloc(size))
        expect(all(queue).length).toBeLessThanOrEqual(256)
      }),
    )
  })
})

describe('GrowingBuffer', () => {
  it('has what was pushed, and a copy of it', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 })), (parts) => {
        const buffer = new GrowingBuffer()
        const whole = Buffer.concat(parts)
        for (const part of parts) {
          const bytes = Buffer.from(part)
          buffer.push(bytes)
          bytes.fill(0)
        }
        expect(buffer.size).toBe(whole.length)
        expect(buffer.bytes().equals(whole)).toBe(true)
      }),
    )
  })

  it('takes no more room than it may, or than it needs', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 })), fc.nat(9000), (sizes, most) => {
        const buffer = new GrowingBuffer()
        for (const size of sizes) {
          buffer.push(Buffer.alloc(size, size), most)
          expect(buffer.bytes().subarray(-size).equals(Buffer.alloc(size, size))).toBe(true)
          expect(buffer.bytes().buffer.byteLength).toBeLessThanOrEqual(
            Math.max(buffer.size, Math.min(most, Math.max(1024, 2 * buffer.size)), 8192),
          )
        }
      }),
    )
  })

  it('grows by doubling: bytes one by one are not copied each time', () => {
    const buffer = new GrowingBuffer()
    const rooms = new Set<ArrayBufferLike>()
    for (let at = 0; at < 100_000; at++) {
      buffer.push(Buffer.of(1))
      rooms.add(buffer.bytes().buffer)
    }
    expect(rooms.size).toBeLessThan(12)
  })
})
