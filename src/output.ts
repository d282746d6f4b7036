/** What of the limit is kept for the end of the output; the rest is for its beginning. */
const TAIL_SHARE = 0.25
const FIRST_ROOM_BYTES = 1024

/**
 * Output kept while it comes, never more than the limit: its beginning and its end. It is copied:
 * a list of slices is a hundred times the output where a program writes byte by byte.
 */
export class BoundedOutput {
  readonly #headLimit: number
  readonly #tailLimit: number
  #head: Buffer = Buffer.alloc(0)
  #headBytes = 0
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
    const head = bytes.subarray(0, this.#headLimit - this.#headBytes)
    if (head.length > 0) this.#pushHead(head)
    if (bytes.length > head.length) this.#pushTail(bytes.subarray(head.length))
  }

  #pushHead(bytes: Buffer): void {
    const needed = this.#headBytes + bytes.length
    if (needed > this.#head.length) {
      const grown = Math.min(this.#headLimit, Math.max(FIRST_ROOM_BYTES, needed * 2))
      this.#head = Buffer.concat([this.#head.subarray(0, this.#headBytes)], grown)
    }
    bytes.copy(this.#head, this.#headBytes)
    this.#headBytes = needed
  }

  #pushTail(bytes: Buffer): void {
    if (this.#tail.length === 0) this.#tail = Buffer.alloc(this.#tailLimit)
    const last = bytes.subarray(Math.max(0, bytes.length - this.#tailLimit))
    const at = (this.#tailBytes + bytes.length - last.length) % (this.#tailLimit || 1)
    const fitting = last.copy(this.#tail, at)
    last.copy(this.#tail, 0, fitting)
    this.#tailBytes += bytes.length
  }

  /** The text; a character that is not UTF-8 becomes U+FFFD, a gap is marked with its size. */
  toString(): string {
    const head = this.#head.subarray(0, this.#headBytes)
    if (!this.isTruncated) {
      return Buffer.concat([head, this.#tail.subarray(0, this.#tailBytes)]).toString()
    }
    const oldest = this.#tailBytes % (this.#tailLimit || 1)
    const tail = Buffer.concat([this.#tail.subarray(oldest), this.#tail.subarray(0, oldest)])
    const leftOut = this.#tailBytes - this.#tailLimit
    return `${head.toString()}\n[${leftOut} bytes left out]\n${tail.toString()}`
  }
}
