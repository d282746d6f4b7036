import { LRUCache } from 'lru-cache'

/** The greatest number of answers that are kept, and their greatest size together, in bytes. */
const MAX_ANSWERS = 1000
const MAX_BYTES = 64 * 1024 * 1024
/** The time for which an answer is kept, in milliseconds. */
const KEEP_MS = 10 * 60_000
/** The memory that an answer needs in addition to its bytes. */
const ANSWER_BYTES = 1000

/** The first request with a key. */
export interface FirstRequest {
  /** The hash of its body. */
  readonly fingerprint: string
  /** Its answer; `undefined` while it runs. */
  readonly answer?: ArrayBuffer
}

/** The first requests of keys, with their answers. The answers that nobody has asked for leave first. */
export class KeptAnswers {
  /** The requests that run. The queue of the pool bounds their number. */
  readonly #running = new Map<string, FirstRequest>()
  readonly #ended = new LRUCache<string, FirstRequest & { readonly answer: ArrayBuffer }>({
    max: MAX_ANSWERS,
    maxSize: MAX_BYTES,
    sizeCalculation: ({ answer }) => answer.byteLength + ANSWER_BYTES,
    ttl: KEEP_MS,
  })

  /** Returns the first request with a key, or `undefined` if there is none. */
  get(key: string): FirstRequest | undefined {
    return this.#running.get(key) ?? this.#ended.get(key)
  }

  /** Begins the first request with a key. */
  begin(key: string, fingerprint: string): void {
    this.#running.set(key, { fingerprint })
  }

  /** Keeps the answer of a request that runs. */
  keep(key: string, answer: ArrayBuffer): void {
    const request = this.#running.get(key)
    if (request) this.#ended.set(key, { ...request, answer })
  }

  /** Ends a request. Without an answer that is kept, the next request with its key is the first one. */
  end(key: string): void {
    this.#running.delete(key)
  }
}
