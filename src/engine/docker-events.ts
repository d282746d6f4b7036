import { createInterface } from 'node:readline'
import * as v from 'valibot'

/** What the engine said of a container's end. */
export interface EngineExit {
  exitCode: number | undefined
  oom: boolean
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

interface Watch {
  oom: boolean
  exitCode?: number
  onDie?: () => void
}

/**
 * The engine's event stream, one for all containers. An auto-removed container cannot be inspected
 * after its end; only the events tell that memory was the cause.
 */
export class DockerEvents {
  readonly #connect: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>
  readonly #watched = new Map<string, Watch>()
  #connection: AbortController | undefined

  constructor(connect: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>) {
    this.#connect = connect
  }

  /** Watches one container; the function it gives is called once its stream has ended. */
  watch(id: string): () => Promise<EngineExit> {
    const watch: Watch = { oom: false }
    this.#watched.set(id, watch)
    void this.#listen()
    return async () => {
      const isKnown = watch.oom || (watch.exitCode ?? SIGKILLED) !== SIGKILLED
      if (this.#connection && !isKnown) await dying(watch)
      this.#watched.delete(id)
      return { exitCode: watch.exitCode, oom: watch.oom }
    }
  }

  forget(id: string): void {
    this.#watched.delete(id)
  }

  close(): void {
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
    for (const watch of this.#watched.values()) watch.onDie?.()
    setTimeout(() => this.#watched.size > 0 && void this.#listen(), RECONNECT_MS).unref()
  }

  #take(line: string): void {
    const event = v.safeParse(Event, JSON.parse(line))
    if (!event.success) return
    const { Action, Actor } = event.output
    const watch = this.#watched.get(Actor.ID)
    if (!watch) return
    if (Action === 'oom') {
      watch.oom = true
      if (watch.exitCode !== undefined) watch.onDie?.()
    }
    if (Action === 'die') {
      watch.exitCode = Number(Actor.Attributes.exitCode)
      const mayBeOom = watch.exitCode === SIGKILLED && !watch.oom
      if (mayBeOom) setTimeout(() => watch.onDie?.(), OOM_GRACE_MS)
      else watch.onDie?.()
    }
  }
}

function dying(watch: Watch): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GRACE_MS)
    watch.onDie = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}
