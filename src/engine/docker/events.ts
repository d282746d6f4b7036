import { createInterface } from 'node:readline'
import * as v from 'valibot'
import { setDeadline, within } from '../../util/deadline.js'
import type { Deferred } from '../../util/deferred.js'
import { deferred } from '../../util/deferred.js'

/** What the engine told about a container's end. */
interface EngineExit {
  exitCode: number | undefined
  oom: boolean
}

/** The engine's news of one container. */
export interface Watch {
  /** How it ended. It is asked for when the stream has ended. */
  exit: () => Promise<EngineExit>
  /** Whether the engine has forgotten it within the time; `false` also if no connection can tell. */
  isForgotten: (ms: number) => Promise<boolean>
  /** Stops the watch. */
  end: () => void
}

/** How long after a container's stream has ended its event may still come. */
const GRACE_MS = 1000
const RECONNECT_MS = 1000
/** The exit code of a program that SIGKILL ended. */
const SIGKILLED = 137
/** The news that memory was the cause may come after the news of the end. */
const OOM_GRACE_MS = 200

const Event = v.object({
  Action: v.string(),
  Actor: v.object({ ID: v.string(), Attributes: v.record(v.string(), v.string()) }),
})

interface Watched {
  exit: EngineExit
  /** All has been told about its end, or there is no connection that could tell it. */
  told: Deferred<void>
  forgotten: Deferred<boolean>
}

/**
 * The engine's event stream, one for all containers. An auto-removed container cannot be inspected
 * after its end; only the events tell that memory was the cause, and when it is gone.
 */
export class DockerEvents {
  readonly #connect: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>
  readonly #watched = new Map<string, Watched>()
  #connection: AbortController | undefined

  constructor(connect: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>) {
    this.#connect = connect
  }

  /** Watches one container until it is told to end. */
  watch(id: string): Watch {
    const exit = { exitCode: undefined, oom: false }
    const watched: Watched = { exit, told: deferred(), forgotten: deferred() }
    this.#watched.set(id, watched)
    void this.#listen()
    return {
      exit: async () => {
        if (this.#connection && !watched.exit.oom) await within(GRACE_MS, watched.told.promise)
        return { ...watched.exit }
      },
      isForgotten: async (ms) =>
        this.#connection !== undefined && (await within(ms, watched.forgotten.promise)) === true,
      end: () => void this.#watched.delete(id),
    }
  }

  close(): void {
    // A removal must not wait for events that will never come.
    for (const watched of this.#watched.values()) noneTells(watched)
    this.#watched.clear()
    this.#connection?.abort()
    this.#connection = undefined
  }

  async #listen(): Promise<void> {
    if (this.#connection) return
    const connection = new AbortController()
    this.#connection = connection
    try {
      const input = await this.#connect(connection.signal)
      for await (const line of createInterface({ input })) this.#take(line)
    } catch {
      // The engine went away: the containers' own streams tell that.
    }
    if (this.#connection !== connection) return
    connection.abort()
    this.#connection = undefined
    for (const watched of this.#watched.values()) noneTells(watched)
    setTimeout(() => this.#watched.size > 0 && void this.#listen(), RECONNECT_MS).unref()
  }

  #take(line: string): void {
    const event = v.safeParse(Event, JSON.parse(line))
    if (!event.success) return
    const { Action, Actor } = event.output
    const watched = this.#watched.get(Actor.ID)
    if (!watched) return
    const { exit, told, forgotten } = watched
    if (Action === 'oom') {
      exit.oom = true
      if (exit.exitCode !== undefined) told.resolve()
    }
    if (Action === 'die') {
      exit.exitCode = Number(Actor.Attributes.exitCode)
      const mayBeOom = exit.exitCode === SIGKILLED && !exit.oom
      if (mayBeOom) setDeadline(OOM_GRACE_MS, told.resolve)
      else told.resolve()
    }
    if (Action === 'destroy') forgotten.resolve(true)
  }
}

/** Ends the waits of now. A wait that begins when there is a connection again is a new one. */
function noneTells(watched: Watched): void {
  watched.told.resolve()
  watched.forgotten.resolve(false)
  watched.told = deferred()
  watched.forgotten = deferred()
}
