import type { RichResult } from './records.js'
import { CHUNK_BYTES, Stream } from '../../agent/protocol.js'
import { GrowingBuffer } from '../../util/growing-buffer.js'

/** Bytes of one stream that came one after the other. */
export interface StreamChunk {
  stream: number
  bytes: Buffer
  /** What of the bytes are records. */
  results: readonly RichResult[]
}

/** More chunks than this, and the order between streams is given up for memory. */
const MAX_CHUNKS = 256

/**
 * What has come and was not taken yet, in its order. Neighbours of one stream are joined: its size is
 * bounded by the credit of the streams, its length by `MAX_CHUNKS`.
 */
export class ChunkQueue {
  #chunks: { stream: number; buffer: GrowingBuffer; results: RichResult[] }[] = []
  /** How many of the chunks are taken: `shift()` moves all the others. */
  #taken = 0
  #isOver = false
  #wake: (() => void) | undefined

  push(stream: number, bytes: Buffer, results: readonly RichResult[] = []): void {
    const last = this.#length > 0 ? this.#chunks.at(-1) : undefined
    const isFull = this.#length >= MAX_CHUNKS
    const fits = last?.stream === stream && last.buffer.size + bytes.length <= CHUNK_BYTES
    const chunk = isFull ? this.#nearest(stream) : last
    if (chunk && (isFull || fits)) {
      chunk.buffer.push(bytes)
      chunk.results.push(...results)
    } else {
      const buffer = new GrowingBuffer()
      buffer.push(bytes, bytes.length) // seldom more comes to it
      this.#chunks.push({ stream, buffer, results: [...results] })
    }
    this.#notify()
  }

  /** The last of a stream, but not from before a record: the order with those is always kept. */
  #nearest(stream: number) {
    for (let at = this.#chunks.length - 1; at >= this.#taken; at--) {
      const chunk = this.#chunks[at]
      if (chunk?.stream === Stream.records) return undefined
      if (chunk?.stream === stream) return chunk
    }
    return undefined
  }

  get #length(): number {
    return this.#chunks.length - this.#taken
  }

  /** Nothing more comes. */
  end(): void {
    this.#isOver = true
    this.#notify()
  }

  /** The oldest chunk, when there is one; `undefined` at the end. For one taker at a time. */
  async take(): Promise<StreamChunk | undefined> {
    while (this.#length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.takeNow()
  }

  /** The oldest chunk, if there is one now. */
  takeNow(): StreamChunk | undefined {
    const chunk = this.#chunks[this.#taken]
    if (!chunk) return undefined
    this.#taken++
    if (this.#taken > this.#length) {
      this.#chunks = this.#chunks.slice(this.#taken)
      this.#taken = 0
    }
    const { stream, buffer, results } = chunk
    return { stream, bytes: buffer.bytes(), results }
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
