import { Hono } from 'hono'
import type { SandboxPool } from 'hono-sandbox'
import { describeOpen, json } from '../api/describe.js'
import { HealthAnswer } from '../api/schemas.js'
import { poolOf } from './pool-of.js'

const STATE = {
  ready: 2,
  idle: 2,
  leased: 0,
  waiting: 0,
  runtime: 'runsc',
  image: 'python:3.13-slim',
}
const FAILED = { ...STATE, ready: 0, idle: 0, error: 'SANDBOX_ENGINE_UNAVAILABLE' }

/** The routes for monitors: `GET /healthz` and `GET /readyz`. */
export function health(pool?: SandboxPool) {
  const proven = new Set<string>()
  return new Hono()
    .get('/healthz', describeHealth, (c) =>
      c.json({ status: 'ok' as const, languages: stateOf(pool, proven).languages }, 200),
    )
    .get('/readyz', describeReady, (c) => {
      const { isReady, languages } = stateOf(pool, proven)
      if (isReady) return c.json({ status: 'ok' as const, languages }, 200)
      return c.json({ status: 'unavailable' as const, languages }, 503)
    })
}

/**
 * Reads the state from the pool. If the pool is closed, the server is alive but not ready. A pool whose
 * containers are all in use and being replaced is ready, because it serves its queue: otherwise a load
 * balancer would take away all busy servers. `proven` has the languages that once had a container.
 */
function stateOf(given: SandboxPool | undefined, proven: Set<string>) {
  const pool = poolOf(given)
  if (!pool) return { isReady: false, languages: {} }
  const stats = Object.entries(pool.stats())
  const canServe = stats.every(([language, { ready, size, lastError }]) => {
    if (ready > 0) proven.add(language)
    // A pool of size 0 has no warm containers by design: it launches one when a request needs it.
    const canLaunch = size === 0 || proven.has(language)
    return ready > 0 || (canLaunch && !lastError)
  })
  const languages = Object.fromEntries(
    stats.map(([language, { ready, idle, leased, waiting, runtime, image, lastError }]) => [
      language,
      { ready, idle, leased, waiting, runtime, image, error: lastError?.code },
    ]),
  )
  return { isReady: canServe && !pool.isClosing, languages }
}

const OK = json('The state of each language.', HealthAnswer, {
  status: 'ok',
  languages: { python: STATE },
})

const describeHealth = describeOpen({
  operationId: 'healthz',
  summary: 'Tells that the process is alive.',
  tags: ['Server'],
  responses: { 200: OK },
})

const describeReady = describeOpen({
  operationId: 'readyz',
  summary: 'Tells whether each language has a container, or is replacing those in use.',
  tags: ['Server'],
  responses: {
    200: OK,
    503: json('A language cannot run code, or the server drains.', HealthAnswer, {
      status: 'unavailable',
      languages: { python: FAILED },
    }),
  },
})
