const INITIAL_CAPACITY_BYTES = 1024

/**
 * A buffer that copies each added piece to its end. It does not keep a list of slices: if a program
 * writes one byte at a time, such a list needs a hundred times the memory of the bytes, and each
 * slice keeps the whole chunk that it was cut from in memory.
 */
export class GrowingBuffer {
  #storage: Buffer = Buffer.alloc(0)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Adds bytes. The capacity grows to at most `maxCapacity`, unless the bytes need more. */
  push(bytes: Buffer, maxCapacity = Number.POSITIVE_INFINITY): void {
    const needed = this.#size + bytes.length
    if (needed > this.#storage.length) {
      const capacity = Math.min(maxCapacity, Math.max(INITIAL_CAPACITY_BYTES, needed * 2))
      this.#storage = Buffer.concat([this.bytes(), bytes], Math.max(capacity, needed))
    } else bytes.copy(this.#storage, this.#size)
    this.#size = needed
  }

  /** Returns all bytes that were added, as a view of the buffer. */
  bytes(): Buffer {
    return this.#storage.subarray(0, this.#size)
  }
}
