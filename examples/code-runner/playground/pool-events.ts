import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { SandboxPool } from 'hono-sandbox'
import { getSandboxes } from 'hono-sandbox'
import { PoolFigures } from './pool-figures.js'

/** The greatest number of pages that watch the pool at the same time. */
const MAX_WATCHERS = 20
const INTERVAL_MS = 1000

/** A pool that pages watch. One listener serves all of them. */
class Watched {
  readonly figures: PoolFigures
  /** Aborts when the pool closes. */
  readonly closing: AbortSignal

  constructor(pool: SandboxPool) {
    const closing = new AbortController()
    pool.once('closing', () => closing.abort())
    this.closing = closing.signal
    this.figures = new PoolFigures(pool)
  }
}

/**
 * Returns a handler that sends the figures of the pool once a second, as server-sent events. The
 * events end when the pool closes. Without `pool` it is the pool of the process.
 */
export function poolEvents(pool: SandboxPool | undefined) {
  let watched = pool && new Watched(pool)
  let watchers = 0
  return (c: Context) => {
    watched ??= new Watched(getSandboxes())
    const { figures, closing } = watched
    if (watchers === MAX_WATCHERS || closing.aborted) {
      const message = `at most ${MAX_WATCHERS} pages can watch the pool: try again later`
      return c.json({ error: { code: 'BUSY', message } }, 503)
    }
    watchers++
    return streamSSE(c, async (stream) => {
      const left = new AbortController()
      stream.onAbort(() => left.abort())
      const signal = AbortSignal.any([closing, left.signal])
      try {
        while (!signal.aborted) {
          await stream.writeSSE({ event: 'figures', data: JSON.stringify(figures.read()) })
          await sleep(INTERVAL_MS, undefined, { signal }).catch(() => {})
        }
      } finally {
        watchers--
      }
    })
  }
}
