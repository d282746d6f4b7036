/** What of the limit is kept for the end of the output; the rest is for its beginning. */
const TAIL_SHARE = 0.25

/** Output kept while it comes, never more than the limit: its beginning and its end. */
export class BoundedOutput {
  readonly #headLimit: number
  readonly #tailLimit: number
  readonly #head: Buffer[] = []
  #headBytes = 0
  #tail: Buffer[] = []
  #tailBytes = 0
  #leftOut = 0

  constructor(limitBytes: number) {
    this.#tailLimit = Math.floor(limitBytes * TAIL_SHARE)
    this.#headLimit = limitBytes - this.#tailLimit
  }

  get isTruncated(): boolean {
    return this.#leftOut > 0
  }

  push(bytes: Buffer): void {
    const room = this.#headLimit - this.#headBytes
    const head = bytes.subarray(0, room)
    if (head.length > 0) {
      this.#head.push(head)
      this.#headBytes += head.length
    }
    if (bytes.length > head.length) this.#pushTail(bytes.subarray(head.length))
  }

  #pushTail(bytes: Buffer): void {
    this.#tail.push(bytes)
    this.#tailBytes += bytes.length
    for (let surplus = this.#tailBytes - this.#tailLimit; surplus > 0;) {
      const [first] = this.#tail
      if (!first) break
      const dropped = Math.min(surplus, first.length)
      if (dropped === first.length) this.#tail.shift()
      else this.#tail[0] = first.subarray(dropped)
      surplus -= dropped
      this.#tailBytes -= dropped
      this.#leftOut += dropped
    }
  }

  /** The text; a character that is not UTF-8 becomes U+FFFD, a gap is marked with its size. */
  toString(): string {
    if (!this.isTruncated) return Buffer.concat([...this.#head, ...this.#tail]).toString()
    const gap = `\n[${this.#leftOut} bytes left out]\n`
    return Buffer.concat(this.#head).toString() + gap + Buffer.concat(this.#tail).toString()
  }
}
