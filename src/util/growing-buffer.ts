const FIRST_ROOM_BYTES = 1024

/**
 * Bytes that come piece by piece, copied together: a list of slices is a hundred times the bytes
 * where a program writes one by one, and each slice holds on to all that came with it.
 */
export class GrowingBuffer {
  #room: Buffer = Buffer.alloc(0)
  #size = 0

  get size(): number {
    return this.#size
  }

  push(bytes: Buffer, mostRoom = Number.POSITIVE_INFINITY): void {
    const needed = this.#size + bytes.length
    if (needed > this.#room.length) {
      const grown = Math.min(mostRoom, Math.max(FIRST_ROOM_BYTES, needed * 2))
      this.#room = Buffer.concat([this.bytes(), bytes], Math.max(grown, needed))
    } else bytes.copy(this.#room, this.#size)
    this.#size = needed
  }

  bytes(): Buffer {
    return this.#room.subarray(0, this.#size)
  }
}
