import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedOutput } from '../../../src/sandbox/program/output.js'

describe('BoundedOutput', () => {
  it('keeps all output within the limit', () => {
    const output = new BoundedOutput(8)
    output.push(Buffer.from('1234'))
    output.push(Buffer.from('5678'))
    expect(output.isTruncated).toBe(false)
    expect(output.toString()).toBe('12345678')
  })

  it('keeps the beginning and the end above the limit, and the number of bytes between', () => {
    const output = new BoundedOutput(8)
    output.push(Buffer.from('abcdefghijkl'))
    output.push(Buffer.from('m'))
    expect(output.isTruncated).toBe(true)
    expect(output.toString()).toBe('abcdef\n[5 bytes left out]\nlm')
  })

  it('joins a character that comes in several pieces', () => {
    const output = new BoundedOutput(100)
    const bytes = Buffer.from('é€')
    for (const byte of bytes) output.push(Buffer.of(byte))
    output.push(Buffer.of(0xff))
    expect(output.toString()).toBe('é€\uFFFD')
  })

  it('copies the bytes, so that one byte does not keep its chunk in memory', () => {
    const output = new BoundedOutput(4)
    const chunk = Buffer.from('abcde')
    for (let at = 0; at < chunk.length; at++) output.push(chunk.subarray(at, at + 1))
    chunk.fill('x')
    expect(output.toString()).toBe('abc\n[1 bytes left out]\ne')
  })

  it('keeps at most the limit, and the same bytes wherever the output is split', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 })),
        (limit, pieces) => {
          const text = pieces.join('')
          const output = new BoundedOutput(limit)
          for (const piece of pieces) output.push(Buffer.from(piece))
          const tail = Math.floor(limit / 4)
          const head = limit - tail
          const gap = text.length - limit
          expect(output.isTruncated).toBe(gap > 0)
          expect(output.toString()).toBe(
            gap > 0
              ? `${text.slice(0, head)}\n[${gap} bytes left out]\n${text.slice(head + gap)}`
              : text,
          )
        },
      ),
    )
  })
})
