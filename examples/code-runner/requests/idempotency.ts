import { createHash } from 'node:crypto'
import { createMiddleware } from 'hono/factory'
import { KeptAnswers } from './kept-answers.js'
import { BadRequest, Refusal } from './refusal.js'
import type { RunEnv } from './run-request.js'
import type { RunRequest } from './run-schema.js'

/** The header of a request that must run once, however often it is sent. */
export const KEY_HEADER = 'Idempotency-Key'
const MAX_KEY_LENGTH = 255

/**
 * Returns a middleware that answers a repeated request as the first one, without a run, if both have
 * the same `Idempotency-Key`. It must come after `runRequest`, which reads the body, and before the
 * lease. The answer of a run is kept if the handler has set `isComplete`. All other requests can be
 * repeated: no container was free, or the client left and its run was ended.
 */
export function idempotent() {
  const answers = new KeptAnswers()
  return createMiddleware<RunEnv>(async (c, next) => {
    const key = c.req.header(KEY_HEADER)
    if (key === undefined) return next()
    if (key === '' || key.length > MAX_KEY_LENGTH) {
      throw new BadRequest(`${KEY_HEADER}: expected 1 to ${MAX_KEY_LENGTH} characters`)
    }
    const fingerprint = fingerprintOf(c.get('run'))
    const first = answers.get(key)
    if (!first) {
      answers.begin(key, fingerprint)
      try {
        await next()
        if (c.get('isComplete')) answers.keep(key, await c.res.clone().arrayBuffer())
      } finally {
        answers.end(key)
      }
      return
    }
    if (first.fingerprint !== fingerprint) {
      const message = `another request had this ${KEY_HEADER}: make a new one for each request`
      throw new Refusal(422, 'IDEMPOTENCY_KEY_REUSED', message)
    }
    if (!first.answer) {
      const message = `the first request with this ${KEY_HEADER} still runs: send this one later`
      throw new Refusal(409, 'IDEMPOTENCY_KEY_IN_USE', message, { 'Retry-After': '1' })
    }
    const headers = { 'content-type': 'application/json', 'Idempotency-Replayed': 'true' }
    // It is set and not returned, so that the type of the route stays that of its handler.
    c.res = c.newResponse(first.answer, 200, headers)
  })
}

/** Returns a hash that is the same for two requests if their programs and files are the same. */
function fingerprintOf({ files, ...program }: RunRequest): string {
  const hash = createHash('sha256')
  const sizes = files.map(({ path, content }) => [path, content.length])
  hash.update(JSON.stringify([program, sizes]))
  for (const { content } of files) hash.update(content)
  return hash.digest('base64')
}
