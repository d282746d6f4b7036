import type { RichResult } from './rich-result.js'
import { CHUNK_BYTES } from '../../agent/protocol.js'
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

interface QueuedChunk {
  stream: number
  buffer: GrowingBuffer
  results: RichResult[]
}

/**
 * Keeps the bytes that have arrived and were not taken yet, in the order of their arrival. It joins
 * neighbouring chunks of one stream. The credit of the streams bounds the number of bytes.
 * `MAX_CHUNKS` bounds the number of chunks that are not beside a result, and a result needs about 40
 * bytes of credit.
 */
export class ChunkQueue {
  #chunks: QueuedChunk[] = []
  /**
   * The number of chunks that were taken but are still in the array: `shift()` copies the array.
   */
  #taken = 0
  #isEnded = false
  #wake: (() => void) | undefined

  push(stream: number, bytes: Buffer, results: readonly RichResult[] = []): void {
    const chunk = this.#placeFor(stream, bytes, results)
    if (chunk) {
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

  /** Returns the chunk that further bytes of a stream join; `undefined` if they need a new one. */
  #placeFor(stream: number, bytes: Buffer, results: readonly RichResult[]) {
    const last = this.#length > 0 ? this.#chunks.at(-1) : undefined
    const fits = last?.stream === stream && last.buffer.size + bytes.length <= CHUNK_BYTES
    if (fits || this.#length < MAX_CHUNKS) return fits ? last : undefined
    // The order between the output and the results is always kept.
    return results.length > 0 ? undefined : this.#lastOf(stream)
  }

  /** Returns the last chunk of a stream, if no result comes after it. */
  #lastOf(stream: number): QueuedChunk | undefined {
    for (let at = this.#chunks.length - 1; at >= this.#taken; at--) {
      const chunk = this.#chunks[at]
      if (chunk?.stream === stream) return chunk
      if (chunk && chunk.results.length > 0) return undefined
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
