import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Demuxer } from '../../../src/engine/docker/demux.js'

function piece(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

/** Returns the output of a stream that arrives in these chunks. */
function demux(chunks: readonly Buffer[]): { stdout: string; stderr: string; calls: number } {
  const out = { stdout: '', stderr: '', calls: 0 }
  const demuxer = new Demuxer(
    (bytes) => {
      out.stdout += bytes.toString('latin1')
      out.calls++
    },
    (bytes) => {
      out.stderr += bytes.toString('latin1')
      out.calls++
    },
  )
  for (const chunk of chunks) demuxer.push(chunk)
  return out
}

const WHOLE = Buffer.concat([piece(1, 'out'), piece(2, 'error'), piece(1, ''), piece(1, 'more')])

describe('Demuxer', () => {
  it('separates stdout and stderr', () => {
    expect(demux([WHOLE])).toMatchObject({ stdout: 'outmore', stderr: 'error' })
  })

  it('reads a stream that is cut once, at any byte', () => {
    for (let at = 0; at <= WHOLE.length; at++) {
      const chunks = [WHOLE.subarray(0, at), WHOLE.subarray(at)]
      expect(demux(chunks), `cut at ${at}`).toMatchObject({ stdout: 'outmore', stderr: 'error' })
    }
  })

  it('reads a stream that comes byte by byte', () => {
    const bytes = [...WHOLE].map((byte) => Buffer.of(byte))
    expect(demux(bytes)).toMatchObject({ stdout: 'outmore', stderr: 'error' })
  })

  it('reads a stream wherever it is split', () => {
    const pieces = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string({ unit: 'grapheme-ascii' })))
    fc.assert(
      fc.property(pieces, fc.infiniteStream(fc.integer({ min: 1, max: 20 })), (all, sizes) => {
        const stream = Buffer.concat(all.map(([number, text]) => piece(number, text)))
        const chunks: Buffer[] = []
        for (let at = 0; at < stream.length; at += chunks.at(-1)?.length ?? 0) {
          chunks.push(stream.subarray(at, at + (sizes.next().value ?? 1)))
        }
        const text = (wanted: number) =>
          all.map(([number, part]) => (number === wanted ? part : '')).join('')
        expect(demux(chunks)).toMatchObject({ stdout: text(1), stderr: text(2) })
      }),
    )
  })

  it('reads one chunk of 65536 pieces of one byte without recursion', () => {
    const chunk = Buffer.concat(Array<Buffer>(65_536).fill(piece(1, 'x')))
    const { stdout, calls } = demux([chunk])
    expect(stdout.length).toBe(65_536)
    expect(calls).toBe(65_536)
  })

  it('returns slices, not copies', () => {
    const chunk = piece(1, 'same memory')
    new Demuxer(
      (bytes) => expect(bytes.buffer).toBe(chunk.buffer),
      () => {},
    ).push(chunk)
  })
})
