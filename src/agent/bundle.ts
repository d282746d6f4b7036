import { encodeFrame, Kind } from './protocol.js'

/**
 * The source of an agent, which the host sends in the first frame to a new container.
 *
 * The first container of an image compiles the source and sends the code cache back: the bytecode
 * of Python, or the code cache of V8. Further containers of the image get the code cache with the
 * source, because Python needs more time to compile the source than to start. The agent ignores a
 * code cache that another interpreter made, and compiles the source. This happens if the image was
 * pulled again.
 */
export class AgentBundle {
  readonly #asSource: Buffer
  readonly #withCodeCache = new Map<string, Buffer>()

  constructor(readonly source: string) {
    this.#asSource = this.#frameOf(Buffer.alloc(0))
  }

  /** Returns the first frame for a container of this image. */
  frameFor(image: string): Buffer {
    return this.#withCodeCache.get(image) ?? this.#asSource
  }

  /** Stores the code cache that a container of this image has sent, for further containers. */
  keep(image: string, codeCache: Buffer): void {
    this.#withCodeCache.set(image, this.#frameOf(codeCache))
  }

  #frameOf(codeCache: Buffer): Buffer {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(codeCache.length)
    return encodeFrame(Kind.bundle, 0, size, codeCache, Buffer.from(this.source))
  }
}
