/** The greatest number of keys, and the greatest size of their answers together, in bytes. */
const MAX_KEYS = 1000
const MAX_BYTES = 64 * 1024 * 1024
/** The time for which an answer is kept, in milliseconds. */
const KEEP_MS = 10 * 60_000

/** The first request with a key. */
export interface FirstRequest {
  /** The hash of its body. */
  fingerprint: string
  /** Its answer; `undefined` while it runs. */
  answer?: ArrayBuffer
}

/** The first requests of keys, with their answers. The oldest answers are dropped first. */
export class KeptAnswers {
  /** The requests in the order in which they began, or in which their answers were kept. */
  readonly #requests = new Map<string, FirstRequest & { keptUntil: number }>()
  #bytes = 0

  /** Returns the first request with a key, or `undefined` if there is none. */
  get(key: string): FirstRequest | undefined {
    this.#dropOld()
    return this.#requests.get(key)
  }

  /** Begins the first request with a key. */
  begin(key: string, fingerprint: string): void {
    this.#requests.set(key, { fingerprint, keptUntil: Number.POSITIVE_INFINITY })
  }

  /** Keeps the answer of a request. */
  keep(key: string, answer: ArrayBuffer): void {
    const request = this.#requests.get(key)
    if (!request) return
    this.#requests.delete(key)
    this.#requests.set(key, { ...request, answer, keptUntil: performance.now() + KEEP_MS })
    this.#bytes += answer.byteLength
    this.#dropOld()
  }

  /** Forgets a request without an answer: the next request with its key is the first one. */
  forget(key: string): void {
    this.#requests.delete(key)
  }

  /** Drops the answers that are old, and the oldest ones beyond the bounds. */
  #dropOld(): void {
    for (const [key, { answer, keptUntil }] of this.#requests) {
      // The requests that run are bounded by the queue of the pool.
      if (!answer) continue
      const fits = this.#requests.size <= MAX_KEYS && this.#bytes <= MAX_BYTES
      if (fits && keptUntil > performance.now()) return
      this.#requests.delete(key)
      this.#bytes -= answer.byteLength
    }
  }
}
