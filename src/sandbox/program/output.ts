import { GrowingBuffer } from '../../util/growing-buffer.js'

/** The share of the limit that is for the end of the output; the rest is for its beginning. */
const TAIL_SHARE = 0.25

/** Keeps the output of one stream. If it exceeds the limit, keeps its beginning and its end. */
export class BoundedOutput {
  readonly #headLimit: number
  readonly #tailLimit: number
  readonly #head = new GrowingBuffer()
  /** A ring buffer for the end of the output. */
  #tail: Buffer = Buffer.alloc(0)
  /** The number of bytes that were written to the ring, including the overwritten ones. */
  #tailBytes = 0

  constructor(limitBytes: number) {
    this.#tailLimit = Math.floor(limitBytes * TAIL_SHARE)
    this.#headLimit = limitBytes - this.#tailLimit
  }

  get isTruncated(): boolean {
    return this.#tailBytes > this.#tailLimit
  }

  push(bytes: Buffer): void {
    const head = bytes.subarray(0, this.#headLimit - this.#head.size)
    if (head.length > 0) this.#head.push(head, this.#headLimit)
    if (bytes.length > head.length) this.#pushTail(bytes.subarray(head.length))
  }

  #pushTail(bytes: Buffer): void {
    if (this.#tail.length === 0) this.#tail = Buffer.alloc(this.#tailLimit)
    const last = bytes.subarray(Math.max(0, bytes.length - this.#tailLimit))
    const at = (this.#tailBytes + bytes.length - last.length) % (this.#tailLimit || 1)
    const fitting = last.copy(this.#tail, at)
    last.copy(this.#tail, 0, fitting)
    this.#tailBytes += bytes.length
  }

  /** Returns the bytes that were kept. A gap between beginning and end is marked with its size. */
  toBuffer(): Buffer {
    const head = this.#head.bytes()
    if (!this.isTruncated) return Buffer.concat([head, this.#tail.subarray(0, this.#tailBytes)])
    const oldest = this.#tailBytes % (this.#tailLimit || 1)
    const tail = [this.#tail.subarray(oldest), this.#tail.subarray(0, oldest)]
    const gap = `\n[${this.#tailBytes - this.#tailLimit} bytes left out]\n`
    return Buffer.concat([head, Buffer.from(gap), ...tail])
  }

  /** Returns the output that was kept as UTF-8 text. Invalid bytes become U+FFFD. */
  toString(): string {
    return this.toBuffer().toString()
  }
}
