import { encodeFrame, Kind } from './protocol.js'

/**
 * The source of an agent: the first frame that is sent to a new container.
 *
 * The first container of an image compiles the source and sends back its code cache: Python's
 * bytecode, V8's code cache. The next containers of the image get the code cache beside the source,
 * because Python takes longer to compile the source than to start. If the interpreter is not the one
 * that made the code cache, the agent takes the source: the image may have been pulled again.
 */
export class AgentBundle {
  readonly #asSource: Buffer
  readonly #withCodeCache = new Map<string, Buffer>()

  constructor(readonly source: string) {
    this.#asSource = this.#frameOf(Buffer.alloc(0))
  }

  /** The first frame for a container of this image. */
  frameFor(image: string): Buffer {
    return this.#withCodeCache.get(image) ?? this.#asSource
  }

  /** Keeps the code cache that a container of this image has sent, for the next containers. */
  keep(image: string, codeCache: Buffer): void {
    this.#withCodeCache.set(image, this.#frameOf(codeCache))
  }

  #frameOf(codeCache: Buffer): Buffer {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(codeCache.length)
    return encodeFrame(Kind.bundle, 0, size, codeCache, Buffer.from(this.source))
  }
}
