import type { SandboxPool } from 'hono-sandbox'
import type { Say } from './terminal.js'

/**
 * Tells the operator about each language as soon as all of its warm containers are ready. Returns a
 * function that stops it.
 */
export function showProgress(pool: SandboxPool, say: Say): () => void {
  const since = performance.now()
  const launched = new Map<string, number>()
  const onLaunched = ({ language }: { language: string }) => {
    const ready = (launched.get(language) ?? 0) + 1
    launched.set(language, ready)
    if (ready !== pool.stats()[language]?.size) return
    const tookMs = Math.round(performance.now() - since)
    const text = `${ready} ready after ${(tookMs / 1000).toFixed(1)} s`
    say({ event: 'ready', language, ready, tookMs }, text)
  }
  pool.on('launched', onLaunched)
  return () => void pool.off('launched', onLaunched)
}
