import { Hono } from 'hono'
import type { KilledBy, RichResult, SandboxPool } from 'hono-sandbox'
import { sandbox, streamSandbox } from 'hono-sandbox/middleware'
import { describe, json } from '../api/describe.js'
import { EVENT_RESPONSE, RUN_BODY, RUN_EXAMPLE } from '../api/run-docs.js'
import { RunAnswer } from '../api/schemas.js'
import { responseLog } from '../operator/log.js'
import { idempotent, KEY_HEADER } from '../requests/idempotency.js'
import type { RunEnv } from '../requests/run-request.js'
import { runRequest } from '../requests/run-request.js'
import { filesResult, gatherFiles, placeFiles, startRun } from './run-in-sandbox.js'

/** The ends of a run that the server or the client has caused: the request can be repeated. */
const INTERRUPTED: ReadonlySet<KilledBy | undefined> = new Set(['abort', 'shutdown', 'crash'])

const ERRORS = [400, 408, 413, 415, 503] as const

/** The runs in a container of their own: `POST /run` and `POST /run/stream`. */
export function runs(pool?: SandboxPool) {
  // Must come after `runRequest`, which reads the language from the body.
  const leased = sandbox<RunEnv>({
    pool,
    language: (c) => c.get('run').language,
    logger: responseLog,
  })
  return new Hono<RunEnv>()
    .post('/run', describeRun, runRequest, idempotent(), leased, async (c) => {
      const box = c.get('sandbox')
      const before = await placeFiles(box, c.get('run').files)
      const result = await startRun(box, c.get('run'))
      const files = await gatherFiles(box, before)
      // Release before the response is sent: a client that does not read the response must not hold
      // the container.
      box.release()
      c.set('isComplete', !INTERRUPTED.has(result.killedBy))
      return c.json(
        {
          stdout: result.stdout,
          stderr: result.stderr,
          text: result.text ?? null,
          results: result.results,
          error: result.error ?? null,
          exitCode: result.exitCode,
          signal: result.signal,
          killedBy: result.killedBy ?? null,
          truncated: result.truncated,
          durationMs: result.durationMs,
          ...files,
          container: { name: box.name, runtime: box.runtime },
        },
        200,
      )
    })
    .post('/run/stream', describeStream, runRequest, leased, async (c) => {
      const box = c.get('sandbox')
      const before = await placeFiles(box, c.get('run').files)
      const handle = startRun(box, c.get('run'))
      let files: Promise<RichResult[]> | undefined
      // Iterate the handle before it is awaited: a handle that is only awaited drops its events.
      const response = streamSandbox(c, handle, { atEnd: async () => files ?? [] })
      if (c.get('run').collect) files = handle.then(() => filesResult(box, before))
      const release = () => box.release()
      void (files ?? handle).then(release, release)
      return response
    })
}

const describeRun = describe({
  operationId: 'run',
  summary: 'Runs a program and answers with its result.',
  description: 'The status is 200 even if the program fails.',
  tags: ['Runs'],
  parameters: [
    {
      name: KEY_HEADER,
      in: 'header',
      description:
        'A name of the request that the client makes. A repeated request with the same key and the ' +
        'same body gets the answer of the first one, without a run.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    },
  ],
  requestBody: RUN_BODY,
  responses: { 200: json('The result of the program.', RunAnswer, RUN_EXAMPLE) },
  errors: [...ERRORS, 409, 422],
})

const describeStream = describe({
  operationId: 'runStream',
  summary: 'Runs a program and sends its output while it runs.',
  tags: ['Runs'],
  requestBody: RUN_BODY,
  responses: { 200: EVENT_RESPONSE },
  errors: ERRORS,
})
