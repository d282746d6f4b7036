const HEADER_BYTES = 8
const STDERR = 2

/**
 * Splits the engine's attach stream into stdout and stderr.
 *
 * An 8-byte header (stream, three zeros, length) precedes each piece. This class loops over slices,
 * because dockerode's own `demuxStream` recurses and copies. There, one chunk with many tiny pieces ends
 * the process with a RangeError.
 */
export class Demuxer {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #left = 0

  constructor(
    private readonly onStdout: (bytes: Buffer) => void,
    private readonly onStderr: (bytes: Buffer) => void,
  ) {}

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#left === 0) {
        const taken = chunk.copy(this.#header, this.#headerBytes, at)
        this.#headerBytes += taken
        at += taken
        if (this.#headerBytes < HEADER_BYTES) return
        this.#headerBytes = 0
        this.#left = this.#header.readUInt32BE(4)
        continue
      }
      const bytes = chunk.subarray(at, at + this.#left)
      at += bytes.length
      this.#left -= bytes.length
      if (this.#header[0] === STDERR) this.onStderr(bytes)
      else this.onStdout(bytes)
    }
  }
}
