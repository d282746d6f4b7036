import { GrowingBuffer } from '../../util/growing-buffer.js'

/** What of the limit is kept for the end of the output; the rest is for its beginning. */
const TAIL_SHARE = 0.25

/** Output kept while it comes, never more than the limit: its beginning and its end. */
export class BoundedOutput {
  readonly #headLimit: number
  readonly #tailLimit: number
  readonly #head = new GrowingBuffer()
  /** A ring; `#tailBytes` counts all that ever went in. */
  #tail: Buffer = Buffer.alloc(0)
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

  /** What is kept, a gap marked with its size. */
  toBuffer(): Buffer {
    const head = this.#head.bytes()
    if (!this.isTruncated) return Buffer.concat([head, this.#tail.subarray(0, this.#tailBytes)])
    const oldest = this.#tailBytes % (this.#tailLimit || 1)
    const tail = [this.#tail.subarray(oldest), this.#tail.subarray(0, oldest)]
    const gap = `\n[${this.#tailBytes - this.#tailLimit} bytes left out]\n`
    return Buffer.concat([head, Buffer.from(gap), ...tail])
  }

  /** The text of it; what is not UTF-8 becomes U+FFFD. */
  toString(): string {
    return this.toBuffer().toString()
  }
}
