import * as v from 'valibot'
import type { PodList } from './api.js'
import type { PodFacts } from './pod-facts.js'
import { podFactsOf } from './pod-facts.js'

/** The history of the cluster that a watch continues from is gone. */
const GONE = 410
/** The API server ends a watch after this time, so that a broken connection is noticed. */
const WATCH_SECONDS = 60
/** The additional time for the end of a watch, in milliseconds. */
const WATCH_GRACE_MS = 10_000
const MIN_DELAY_MS = 250
const MAX_DELAY_MS = 5000

const Versioned = v.object({ metadata: v.object({ resourceVersion: v.string() }) })
const Failure = v.object({ code: v.number() })
const Refused = v.object({ statusCode: v.number() })

/** The last known state of a pod. `gone` is a pod that was seen and was deleted. */
export type Sight = PodFacts | 'gone' | undefined

/** One connection of a watch. It calls `onEvent` for each event and resolves at its end. */
export type Connect = (
  query: { resourceVersion: string; timeoutSeconds: number },
  onEvent: (type: string, object: unknown) => void,
  signal: AbortSignal,
) => Promise<void>

interface Watched {
  sight: Sight
  listeners: Set<() => void>
}

/**
 * The watch of all pods of an engine, with one connection.
 *
 * The informer of the client is not used, because it connects again without a pause if the server
 * closes a connection at once, and because it stops at each error.
 */
export class PodWatch {
  readonly #list: () => Promise<PodList>
  readonly #connect: Connect
  readonly #pods = new Map<string, Watched>()
  #closing = new AbortController()
  #isRunning = false
  #failure: unknown
  /** The version after which the watch continues; '' if a new list is needed first. */
  #resourceVersion = ''

  constructor(list: () => Promise<PodList>, connect: Connect) {
    this.#list = list
    this.#connect = connect
  }

  /** Watches a pod of this name until {@link forget}. */
  follow(name: string): void {
    this.#pods.set(name, { sight: undefined, listeners: new Set() })
    void this.#run()
  }

  /** Ends the waits for a pod. Without any pod, the connection is closed. */
  forget(name: string): void {
    const watched = this.#pods.get(name)
    this.#pods.delete(name)
    for (const listener of watched?.listeners ?? []) listener()
    if (this.#pods.size > 0) return
    this.#closing.abort()
    this.#closing = new AbortController()
  }

  /** The error of the last list or connection; `undefined` if it did not fail. */
  get failure(): unknown {
    return this.#failure
  }

  /** Returns the last known state of a pod. */
  sightOf(name: string): Sight {
    return this.#pods.get(name)?.sight
  }

  /** Calls `pick` of each wait again. */
  lookAgain(): void {
    for (const { listeners } of this.#pods.values()) for (const look of listeners) look()
  }

  /**
   * Resolves with the first value that `pick` returns for the state of a pod; with `undefined` when
   * the signal aborts, and for a pod that is not watched.
   */
  until<T>(
    name: string,
    pick: (sight: Sight) => T | undefined,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const watched = this.#pods.get(name)
        try {
          const value = watched && pick(watched.sight)
          if (watched && value === undefined && !signal.aborted) return
          settle(() => resolve(value))
        } catch (error) {
          settle(() => reject(error))
        }
      }
      const settle = (end: () => void) => {
        listeners?.delete(look)
        signal.removeEventListener('abort', look)
        end()
      }
      const listeners = this.#pods.get(name)?.listeners.add(look)
      signal.addEventListener('abort', look, { once: true })
      look()
    })
  }

  /** Closes the connection. Each wait ends, because no pod is watched any more. */
  close(): void {
    for (const name of this.#pods.keys()) this.forget(name)
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    const { signal } = this.#closing
    let delayMs = MIN_DELAY_MS
    while (this.#pods.size > 0 && !signal.aborted) {
      const since = performance.now()
      try {
        if (this.#resourceVersion === '') await this.#listAll()
        await this.#watchOn(signal)
        this.#failure = undefined
        if (performance.now() - since > MAX_DELAY_MS) delayMs = MIN_DELAY_MS
      } catch (error) {
        // The API server is away, or it refused. A launch that waits too long reports it.
        this.#failure = error
      }
      if (signal.aborted || this.#pods.size === 0) break
      await pause(delayMs, signal)
      delayMs = Math.min(MAX_DELAY_MS, delayMs * 2)
    }
    this.#isRunning = false
    // A pod may be followed again since the last check.
    if (this.#pods.size > 0) void this.#run()
  }

  /** Reads all pods. A pod that was seen and is not in the list is gone. */
  async #listAll(): Promise<void> {
    const { pods, resourceVersion } = await this.#list()
    const listed = pods.map(podFactsOf)
    const names = new Set(listed.map(({ name }) => name))
    for (const facts of listed) this.#see(facts.name, facts)
    for (const [name, { sight }] of this.#pods) {
      if (sight !== undefined && !names.has(name)) this.#see(name, 'gone')
    }
    this.#resourceVersion = resourceVersion
  }

  /** Watches until the connection ends. */
  async #watchOn(closing: AbortSignal): Promise<void> {
    const silence = AbortSignal.timeout(WATCH_SECONDS * 1000 + WATCH_GRACE_MS)
    const connection = new AbortController()
    const abort = () => connection.abort()
    silence.addEventListener('abort', abort)
    closing.addEventListener('abort', abort, { once: true })
    const onEvent = (type: string, object: unknown) => {
      if (type === 'ERROR') {
        const failure = v.safeParse(Failure, object)
        this.#resourceVersion = ''
        if (failure.success && failure.output.code !== GONE) connection.abort()
        return
      }
      this.#resourceVersion = v.parse(Versioned, object).metadata.resourceVersion
      if (type === 'BOOKMARK') return
      const facts = podFactsOf(object)
      this.#see(facts.name, type === 'DELETED' ? 'gone' : facts)
    }
    try {
      const query = { resourceVersion: this.#resourceVersion, timeoutSeconds: WATCH_SECONDS }
      await this.#connect(query, onEvent, connection.signal)
    } catch (error) {
      if (v.is(Refused, error) && error.statusCode === GONE) this.#resourceVersion = ''
      throw error
    } finally {
      closing.removeEventListener('abort', abort)
      connection.abort()
    }
  }

  #see(name: string, sight: Sight): void {
    const watched = this.#pods.get(name)
    if (!watched) return
    watched.sight = sight
    for (const listener of watched.listeners) listener()
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms * (0.5 + Math.random() / 2)).unref()
    signal.addEventListener('abort', end, { once: true })
  })
}
