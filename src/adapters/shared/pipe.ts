/** The number of unread bytes in a pipe from which on its program waits. */
const HIGH_WATER_MARK = 256 * 1024

/** The output of a program as a stream. */
export interface Pipe {
  readable: ReadableStream<Uint8Array>
  /** Resolves when the stream has room for more. Drops the bytes after the stream was cancelled. */
  write: (bytes: Uint8Array) => Promise<void>
  end: () => void
}

/** Makes a stream. If nobody reads it, the program that writes to it waits. */
export function pipe(): Pipe {
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK })
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({}, strategy)
  const writer = writable.getWriter()
  const ignore = () => {} // the reader has cancelled the stream
  return {
    readable,
    write: async (bytes) => {
      writer.write(bytes).catch(ignore)
      await writer.ready.catch(ignore)
    },
    end: () => void writer.close().catch(ignore),
  }
}
