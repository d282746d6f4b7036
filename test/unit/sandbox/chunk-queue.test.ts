import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES } from '../../../src/agent/protocol.js'
import { GrowingBuffer } from '../../../src/util/growing-buffer.js'
import { ChunkQueue } from '../../../src/sandbox/streams/chunk-queue.js'
import { outcomeOf } from '../fakes/fake-pool.js'

/** Takes all pieces that the queue has now. */
function takeAll(queue: ChunkQueue) {
  const pieces: { stream: number; bytes: string }[] = []
  for (let piece = queue.tryTake(); piece; piece = queue.tryTake()) {
    pieces.push({ stream: piece.stream, bytes: piece.bytes.toString('latin1') })
  }
  return pieces
}

const Push = fc.record({ stream: fc.constantFrom(1, 2), size: fc.integer({ min: 1, max: 5 }) })

describe('ChunkQueue', () => {
  it('joins neighbouring pieces of one stream, and keeps the order', () => {
    const queue = new ChunkQueue()
    for (const [stream, text] of [
      [1, 'a'],
      [1, 'b'],
      [2, 'c'],
      [1, 'd'],
    ] as const) {
      queue.push(stream, Buffer.from(text))
    }
    expect(takeAll(queue)).toEqual([
      { stream: 1, bytes: 'ab' },
      { stream: 2, bytes: 'c' },
      { stream: 1, bytes: 'd' },
    ])
  })

  it('joins pieces up to the size of one piece of data', () => {
    const queue = new ChunkQueue()
    queue.push(1, Buffer.alloc(CHUNK_BYTES - 1))
    queue.push(1, Buffer.alloc(1))
    queue.push(1, Buffer.alloc(1))
    expect(takeAll(queue).map(({ bytes }) => bytes.length)).toEqual([CHUNK_BYTES, 1])
  })

  it('copies the bytes, so that one byte does not keep its chunk in memory', () => {
    const queue = new ChunkQueue()
    const chunk = Buffer.from('abc')
    queue.push(1, chunk.subarray(0, 1))
    chunk.fill('x')
    expect(takeAll(queue)).toEqual([{ stream: 1, bytes: 'a' }])
  })

  it('does not change a piece that was taken', () => {
    const queue = new ChunkQueue()
    queue.push(1, Buffer.from('a'))
    const taken = queue.tryTake()
    queue.push(1, Buffer.from('b'))
    expect(taken?.bytes.toString()).toBe('a')
  })

  it('resolves a waiting take() with the next piece, and with undefined at the end', async () => {
    const queue = new ChunkQueue()
    const first = queue.take()
    expect(await outcomeOf(first)).toBe('pending')
    queue.push(2, Buffer.from('a'))
    expect(await outcomeOf(first)).toEqual({ stream: 2, bytes: Buffer.from('a'), results: [] })
    const second = queue.take()
    queue.end()
    expect(await outcomeOf(second)).toBeUndefined()
  })

  it('returns the pieces that were pushed before the end', async () => {
    const queue = new ChunkQueue()
    queue.push(1, Buffer.from('a'))
    queue.end()
    expect(await queue.take()).toMatchObject({ stream: 1 })
    expect(await queue.take()).toBeUndefined()
    expect(await queue.take()).toBeUndefined()
  })

  it('has at most 256 pieces if two streams alternate byte by byte, and loses no byte', () => {
    const queue = new ChunkQueue()
    const count = 150_000
    for (let at = 0; at < count; at++) {
      queue.push(1, Buffer.of(at % 251))
      queue.push(2, Buffer.of(at % 241))
    }
    const pieces = takeAll(queue)
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

  it('has few pieces if output and parts of records alternate, and keeps results in order', () => {
    const queue = new ChunkQueue()
    const result = { isMain: false }
    const count = 10_000
    for (let at = 0; at < count; at++) {
      queue.push(1, Buffer.from('o'))
      queue.push(3, Buffer.from('r'), at % 1000 === 999 ? [result] : [])
    }
    const pieces = []
    for (let piece = queue.tryTake(); piece; piece = queue.tryTake()) pieces.push(piece)
    expect(pieces.length).toBeLessThan(300)
    let output = 0
    const positions: number[] = []
    for (const { stream, bytes, results } of pieces) {
      for (const _ of results) positions.push(output)
      if (stream === 1) output += bytes.length
    }
    expect(output).toBe(count)
    expect(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(2 * count)
    expect(positions).toEqual(Array.from({ length: 10 }, (_, at) => (at + 1) * 1000))
  })

  it('returns all bytes of each stream, in any order of pushing and taking', () => {
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
        const pieces = takeAll(queue)
        expect(pieces.map(({ stream, bytes }) => `${stream}`.repeat(bytes.length)).join('')).toBe(
          order,
        )
      }),
    )
  })

  it('joins the 257th piece to the last piece of its stream', () => {
    const queue = new ChunkQueue()
    for (let at = 0; at < 256; at++) queue.push(1 + (at % 2), Buffer.of(at))
    queue.push(1, Buffer.from('!'))
    const pieces = takeAll(queue).map(({ bytes }) => bytes)
    expect(pieces).toHaveLength(256)
    expect(pieces.slice(0, 254).map((bytes) => bytes.charCodeAt(0))).toEqual([...Array(254).keys()])
    expect(pieces.slice(254)).toEqual(['\xfe!', '\xff'])
  })

  it('has at most 256 pieces', () => {
    fc.assert(
      fc.property(fc.array(Push, { minLength: 200, maxLength: 2000, size: 'max' }), (pushes) => {
        const queue = new ChunkQueue()
        for (const { stream, size } of pushes) queue.push(stream, Buffer.alloc(size))
        expect(takeAll(queue).length).toBeLessThanOrEqual(256)
      }),
    )
  })
})

describe('GrowingBuffer', () => {
  it('has a copy of the bytes that were pushed', () => {
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

  it('allocates at most twice the bytes that it has, and at most its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 })), fc.nat(9000), (sizes, limit) => {
        const buffer = new GrowingBuffer()
        for (const size of sizes) {
          buffer.push(Buffer.alloc(size, size), limit)
          expect(buffer.bytes().subarray(-size).equals(Buffer.alloc(size, size))).toBe(true)
          expect(buffer.bytes().buffer.byteLength).toBeLessThanOrEqual(
            Math.max(buffer.size, Math.min(limit, Math.max(1024, 2 * buffer.size)), 8192),
          )
        }
      }),
    )
  })

  it('grows by doubling, so that single bytes cause few copies', () => {
    const buffer = new GrowingBuffer()
    const allocations = new Set<ArrayBufferLike>()
    for (let at = 0; at < 100_000; at++) {
      buffer.push(Buffer.of(1))
      allocations.add(buffer.bytes().buffer)
    }
    expect(allocations.size).toBeLessThan(12)
  })
})
