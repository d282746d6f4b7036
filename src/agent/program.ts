import { encodeFrame, Kind } from './protocol.js'

/**
 * The program of an agent: what is sent to a new container before anything else.
 *
 * Python takes longer to compile it than to start. So the first container of an image sends back what
 * it has made of the source, and the others get that beside it. They take the source all the same
 * where their interpreter is another one: an image may have been pulled again meanwhile.
 */
export class AgentProgram {
  readonly #compiled = new Map<string, Buffer>()

  constructor(readonly source: string) {}

  /** The first frame for a container of this image. */
  frameFor(image: string): Buffer {
    const compiled = this.#compiled.get(image) ?? Buffer.alloc(0)
    const size = Buffer.alloc(4)
    size.writeUInt32BE(compiled.length)
    return encodeFrame(Kind.program, 0, size, compiled, Buffer.from(this.source))
  }

  /** What a container of this image has made of it, for the next ones. */
  keep(image: string, compiled: Buffer): void {
    this.#compiled.set(image, compiled)
  }
}
