import * as v from 'valibot'
import { deferred } from '../util/deferred.js'
import { GrowingBuffer } from '../util/growing-buffer.js'
import { Hello, Kind, MAX_CODE_CACHE_BYTES, parsePayload } from './protocol.js'

/** The frames that an agent sends before it serves requests: its code cache, and one hello. */
export class AgentStart {
  /** Resolves with the hello of the agent. Never rejects. */
  readonly hello: Promise<Hello>
  readonly #resolve: (hello: Hello) => void
  readonly #codeCache = new GrowingBuffer()
  #isOver = false

  constructor() {
    const hello = deferred<Hello>()
    this.hello = hello.promise
    this.#resolve = hello.resolve
  }

  /** The code cache that the agent has sent; `undefined` if it has sent none. */
  get codeCache(): Buffer | undefined {
    return this.#codeCache.size > 0 ? this.#codeCache.bytes() : undefined
  }

  /** Handles a frame. Throws if the start is over, so that it cannot be sent without end. */
  onFrame(kind: number, payload: Buffer): void {
    if (this.#isOver) throw new RangeError(`a frame of kind ${kind} after hello`)
    if (kind === Kind.codeCache) return this.#addCodeCache(payload)
    const hello = v.parse(Hello, parsePayload(payload))
    this.#isOver = true
    this.#resolve(hello)
  }

  #addCodeCache(payload: Buffer): void {
    if (payload.length === 0) throw new RangeError('a code cache of no bytes')
    this.#codeCache.push(payload)
    if (this.#codeCache.size > MAX_CODE_CACHE_BYTES) {
      throw new RangeError(`a code cache of more than ${MAX_CODE_CACHE_BYTES} bytes`)
    }
  }
}
