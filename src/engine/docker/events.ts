import { createInterface } from 'node:readline'
import * as v from 'valibot'
import { setDeadline, within } from '../../util/deadline.js'
import type { Deferred } from '../../util/deferred.js'
import { deferred } from '../../util/deferred.js'

/** The end of a container, from the events of the engine. */
interface EngineExit {
  exitCode: number | undefined
  oom: boolean
}

/** The events of one container. */
export interface Watch {
  /** Waits for the events of the end. It is called after the stream has ended. */
  exit: () => Promise<EngineExit>
  /**
   * Resolves to true if the engine removes the container in time; to false without a connection, and
   * at the end of the watch.
   */
  isForgotten: (ms: number) => Promise<boolean>
  /**
   * Reports that the engine has removed the container without an event. The connection for events is
   * dead then, although it is open, and is replaced.
   */
  missed: () => void
  /** Stops the watch. */
  end: () => void
}

/**
 * The time limit for the `die` event after the stream of a container, because on a busy machine it is
 * late, and for the engine's answer to the request for events.
 */
const GRACE_MS = 3000
const RECONNECT_MS = 1000
/** The time limit for the answer of the engine to a new connection. */
const CONNECT_MS = 15_000
/** The exit code of a program that SIGKILL ended. */
const SIGKILLED = 137

/** The events that {@link DockerEvents} needs. */
export const EVENTS = ['oom', 'kill', 'die', 'destroy'] as const

const Event = v.object({
  Action: v.string(),
  Actor: v.object({ ID: v.string(), Attributes: v.record(v.string(), v.string()) }),
})

interface Watched {
  exit: EngineExit
  /** Resolves at the `die` event, or when the connection is lost. */
  died: Deferred<void>
  /** Whether the engine has sent a signal to the container. */
  isSignalled: boolean
  removed: Deferred<boolean>
}

interface Connection {
  stop: AbortController
  /** Resolves when the engine sends its events, or when the connection has failed. */
  opened: Deferred<void>
}

/**
 * The event stream of the engine, one for all containers. An auto-removed container cannot be inspected
 * after its end. Only the events report an exhausted memory and the removal.
 */
export class DockerEvents {
  readonly #connect: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>
  readonly #watched = new Map<string, Watched>()
  #connection: Connection | undefined

  constructor(connect: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>) {
    this.#connect = connect
  }

  /** Watches one container until `end()` of the watch is called. */
  watch(id: string): Watch {
    const exit = { exitCode: undefined, oom: false }
    const watched = {
      exit,
      isSignalled: false,
      died: deferred<void>(),
      removed: deferred<boolean>(),
    }
    this.#watched.set(id, watched)
    void this.listen()
    return {
      exit: async () => {
        if (this.#connection && !watched.exit.oom) await within(GRACE_MS, watched.died.promise)
        return { ...watched.exit }
      },
      isForgotten: async (ms) =>
        this.#connection !== undefined && (await within(ms, watched.removed.promise)) === true,
      missed: () => this.#connection?.stop.abort(),
      end: () => {
        watched.removed.resolve(false) // a removal can wait while its container is killed
        this.#watched.delete(id)
      },
    }
  }

  /**
   * Connects to the engine if there is no connection. Resolves when its events are received: those of a
   * container that was started before are lost. If the engine does not answer, it resolves after a while.
   */
  async listen(): Promise<void> {
    this.#connection ??= this.#open()
    await within(GRACE_MS, this.#connection.opened.promise)
  }

  close(): void {
    // A removal must not wait for events that will never arrive.
    for (const watched of this.#watched.values()) resolveWaits(watched)
    this.#watched.clear()
    this.#connection?.stop.abort()
    this.#connection = undefined
  }

  #open(): Connection {
    const connection = { stop: new AbortController(), opened: deferred<void>() }
    void this.#receive(connection)
    return connection
  }

  async #receive(connection: Connection): Promise<void> {
    const { stop, opened } = connection
    // Without a limit, one lost answer would leave the pool without events for ever.
    const deadline = setDeadline(CONNECT_MS, () => stop.abort()).unref()
    try {
      const input = await this.#connect(stop.signal).finally(deadline.clear)
      opened.resolve()
      for await (const line of createInterface({ input })) this.#take(line)
    } catch {
      // The connection is lost. The streams of the containers report a stopped engine.
    }
    opened.resolve()
    if (this.#connection !== connection) return
    stop.abort()
    this.#connection = undefined
    for (const watched of this.#watched.values()) resolveWaits(watched)
    setTimeout(() => this.#watched.size > 0 && void this.listen(), RECONNECT_MS).unref()
  }

  #take(line: string): void {
    const event = v.safeParse(Event, JSON.parse(line))
    if (!event.success) return
    const { Action, Actor } = event.output
    const watched = this.#watched.get(Actor.ID)
    if (!watched) return
    const { exit, died, removed } = watched
    if (Action === 'kill') watched.isSignalled = true
    if (Action === 'oom') exit.oom = true
    if (Action === 'die') {
      exit.exitCode = Number(Actor.Attributes.exitCode)
      // On a busy machine the engine may lose the `oom` event. No program can send SIGKILL to the first
      // process of its container, so if the engine has not done it, the kernel has.
      if (exit.exitCode === SIGKILLED && !watched.isSignalled) exit.oom = true
      died.resolve()
    }
    if (Action === 'destroy') removed.resolve(true)
  }
}

/** Resolves all current waits. A wait after the next connection uses new promises. */
function resolveWaits(watched: Watched): void {
  watched.died.resolve()
  watched.removed.resolve(false)
  watched.died = deferred()
  watched.removed = deferred()
}
