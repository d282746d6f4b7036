import * as fc from 'fast-check'

/** One change of a byte sequence. Positions count from the start again beyond the end. */
export interface Mutation {
  kind: 'flip' | 'cut' | 'repeat' | 'swap' | 'splice'
  at: number
  length: number
  to: number
  bytes: Uint8Array
}

/** Generates up to three changes. */
export const Mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('flip', 'cut', 'repeat', 'swap', 'splice'),
    at: fc.nat(),
    length: fc.integer({ min: 1, max: 40 }),
    to: fc.nat(),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  }),
  { maxLength: 3 },
)

/** The lengths of chunks. They begin again after the last one. */
export const ChunkSizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 })

/** Returns the bytes after the changes. */
export function mutate(bytes: Buffer, mutations: readonly Mutation[]): Buffer {
  return mutations.reduce((before, mutation) => applyTo(before, mutation), bytes)
}

function applyTo(before: Buffer, { kind, at: position, length, to, bytes }: Mutation): Buffer {
  const at = position % (before.length + 1)
  const target = to % (before.length + 1)
  const [head, piece, tail] = [
    before.subarray(0, at),
    before.subarray(at, at + length),
    before.subarray(at + length),
  ]
  if (kind === 'cut') return Buffer.concat([head, tail])
  if (kind === 'splice') return Buffer.concat([head, bytes, before.subarray(at)])
  if (kind === 'flip') {
    const flipped = piece.map((byte, index) => byte ^ (bytes[index] ?? 0))
    return Buffer.concat([head, flipped, tail])
  }
  const rest = kind === 'repeat' ? before : Buffer.concat([head, tail])
  return Buffer.concat([rest.subarray(0, target), piece, rest.subarray(target)])
}

const MAX_CHUNKS = 200

/** Cuts bytes into chunks of these sizes. The last chunk has the rest of a long sequence. */
export function chunksOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let rest = bytes
  while (rest.length > 0) {
    const size = chunks.length < MAX_CHUNKS ? sizes[chunks.length % sizes.length] : rest.length
    chunks.push(rest.subarray(0, size))
    rest = rest.subarray(size)
  }
  return chunks
}
