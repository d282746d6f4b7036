import type { RichResult } from './rich-result.js'
import { CHUNK_BYTES, Stream } from '../../agent/protocol.js'
import { GrowingBuffer } from '../../util/growing-buffer.js'

/** Consecutive bytes of one stream. */
export interface StreamChunk {
  stream: number
  bytes: Buffer
  /** The results that the bytes contain. Only the record stream has results. */
  results: readonly RichResult[]
}

/**
 * The maximum length of a queue. A longer queue joins chunks of the same stream that are not
 * neighbours: this bounds the memory, but loses the order between the streams.
 */
const MAX_CHUNKS = 256

/**
 * Keeps the bytes that have arrived and were not taken yet, in the order of their arrival. It joins
 * neighbouring chunks of one stream. The credit of the streams bounds the number of bytes, and
 * `MAX_CHUNKS` bounds the number of chunks.
 */
export class ChunkQueue {
  #chunks: { stream: number; buffer: GrowingBuffer; results: RichResult[] }[] = []
  /**
   * The number of chunks that were taken but are still in the array: `shift()` copies the array.
   */
  #taken = 0
  #isEnded = false
  #wake: (() => void) | undefined

  push(stream: number, bytes: Buffer, results: readonly RichResult[] = []): void {
    const last = this.#length > 0 ? this.#chunks.at(-1) : undefined
    const isFull = this.#length >= MAX_CHUNKS
    const fits = last?.stream === stream && last.buffer.size + bytes.length <= CHUNK_BYTES
    const chunk = isFull ? this.#lastOf(stream) : last
    if (chunk && (isFull || fits)) {
      chunk.buffer.push(bytes)
      chunk.results.push(...results)
    } else {
      const buffer = new GrowingBuffer()
      // Without spare room: most chunks are taken before more bytes arrive for them.
      buffer.push(bytes, bytes.length)
      this.#chunks.push({ stream, buffer, results: [...results] })
    }
    this.#notify()
  }

  /**
   * Returns the last chunk of a stream, if no record comes after it. The order between the output
   * and the records is always kept.
   */
  #lastOf(stream: number) {
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

  /** Ends the queue: no more bytes arrive. The chunks in it can still be taken. */
  end(): void {
    this.#isEnded = true
    this.#notify()
  }

  /**
   * Waits for the oldest chunk and removes it from the queue. Resolves to `undefined` if the queue
   * has ended and is empty. Only one call may wait at a time.
   */
  async take(): Promise<StreamChunk | undefined> {
    while (this.#length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.tryTake()
  }

  /** Removes the oldest chunk and returns it; `undefined` if the queue is empty. */
  tryTake(): StreamChunk | undefined {
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
