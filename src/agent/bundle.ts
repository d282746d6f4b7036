import { encodeFrame, Kind } from './protocol.js'

/**
 * The program of an agent: what is sent to a new container before anything else.
 *
 * Python takes longer to compile it than to start. So the first container of an image sends back what
 * it has made of the source, and the others get that beside it. They take the source all the same
 * where their interpreter is another one: an image may have been pulled again meanwhile.
 */
export class AgentProgram {
  readonly #asSource: Buffer
  readonly #asCompiled = new Map<string, Buffer>()

  constructor(readonly source: string) {
    this.#asSource = this.#frameOf(Buffer.alloc(0))
  }

  /** The first frame for a container of this image. */
  frameFor(image: string): Buffer {
    return this.#asCompiled.get(image) ?? this.#asSource
  }

  /** What a container of this image has made of it, for the next ones. */
  keep(image: string, compiled: Buffer): void {
    this.#asCompiled.set(image, this.#frameOf(compiled))
  }

  #frameOf(compiled: Buffer): Buffer {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(compiled.length)
    return encodeFrame(Kind.program, 0, size, compiled, Buffer.from(this.source))
  }
}
