import type { RichResult } from './records.js'
import { CHUNK_BYTES, Stream } from '../../agent/protocol.js'
import { GrowingBuffer } from '../../util/growing-buffer.js'

/** Bytes of one stream that came one after the other. */
export interface Piece {
  stream: number
  bytes: Buffer
  /** What of the bytes are records. */
  results: readonly RichResult[]
}

/** More pieces than this, and the order between streams is given up for memory. */
const MAX_PIECES = 256

/**
 * What has come and was not taken yet, in its order. Neighbours of one stream are joined: its size is
 * bounded by the credit of the streams, its length by `MAX_PIECES`.
 */
export class Inbox {
  #pieces: { stream: number; buffer: GrowingBuffer; results: RichResult[] }[] = []
  /** How many of the pieces are taken: `shift()` moves all the others. */
  #taken = 0
  #isOver = false
  #wake: (() => void) | undefined

  push(stream: number, bytes: Buffer, results: readonly RichResult[] = []): void {
    const last = this.#length > 0 ? this.#pieces.at(-1) : undefined
    const isFull = this.#length >= MAX_PIECES
    const fits = last?.stream === stream && last.buffer.size + bytes.length <= CHUNK_BYTES
    const piece = isFull ? this.#nearest(stream) : last
    if (piece && (isFull || fits)) {
      piece.buffer.push(bytes)
      piece.results.push(...results)
    } else {
      const buffer = new GrowingBuffer()
      buffer.push(bytes, bytes.length) // seldom more comes to it
      this.#pieces.push({ stream, buffer, results: [...results] })
    }
    this.#notify()
  }

  /** The last of a stream, but not from before a record: the order with those is always kept. */
  #nearest(stream: number) {
    for (let at = this.#pieces.length - 1; at >= this.#taken; at--) {
      const piece = this.#pieces[at]
      if (piece?.stream === Stream.records) return undefined
      if (piece?.stream === stream) return piece
    }
    return undefined
  }

  get #length(): number {
    return this.#pieces.length - this.#taken
  }

  /** Nothing more comes. */
  end(): void {
    this.#isOver = true
    this.#notify()
  }

  /** The oldest piece, when there is one; `undefined` at the end. For one taker at a time. */
  async take(): Promise<Piece | undefined> {
    while (this.#length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.takeNow()
  }

  /** The oldest piece, if there is one now. */
  takeNow(): Piece | undefined {
    const piece = this.#pieces[this.#taken]
    if (!piece) return undefined
    this.#taken++
    if (this.#taken > this.#length) {
      this.#pieces = this.#pieces.slice(this.#taken)
      this.#taken = 0
    }
    const { stream, buffer, results } = piece
    return { stream, bytes: buffer.bytes(), results }
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
