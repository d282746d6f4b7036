import type { BoundedOutput } from './output.js'

/** How bytes become what the caller asked for. */
export interface Format<Data> {
  /** One stream's, piece by piece; a character cut in two comes whole with the next piece. */
  decoder: () => { piece: (bytes: Buffer) => Data; rest: () => Data }
  whole: (output: BoundedOutput) => Data
  isEmpty: (data: Data) => boolean
}

export const text: Format<string> = {
  decoder: () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return {
      piece: (bytes) => decoder.decode(bytes, { stream: true }),
      rest: () => decoder.decode(),
    }
  },
  whole: (output) => output.toString(),
  isEmpty: (data) => data === '',
}

export const bytes: Format<Buffer> = {
  decoder: () => ({ piece: (data) => data, rest: () => Buffer.alloc(0) }),
  whole: (output) => output.toBuffer(),
  isEmpty: (data) => data.length === 0,
}
