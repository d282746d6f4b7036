import type { BoundedOutput } from './output.js'

/** Converts the bytes of the output to the type that the caller chose: text or bytes. */
export interface Format<Data> {
  /**
   * Creates a decoder for one stream. `decode` converts a piece of the stream; the bytes of an
   * incomplete character are kept for the next piece. `flush` converts the bytes that are left.
   */
  decoder: () => { decode: (bytes: Buffer) => Data; flush: () => Data }
  /** Converts all output that was kept of a stream. */
  decodeAll: (output: BoundedOutput) => Data
  isEmpty: (data: Data) => boolean
}

export const text: Format<string> = {
  decoder: () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return {
      decode: (bytes) => decoder.decode(bytes, { stream: true }),
      flush: () => decoder.decode(),
    }
  },
  decodeAll: (output) => output.toString(),
  isEmpty: (data) => data === '',
}

export const bytes: Format<Buffer> = {
  decoder: () => ({ decode: (data) => data, flush: () => Buffer.alloc(0) }),
  decodeAll: (output) => output.toBuffer(),
  isEmpty: (data) => data.length === 0,
}
