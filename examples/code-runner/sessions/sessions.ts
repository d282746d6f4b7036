import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { CodeContext, CodeHandle, Sandbox } from 'hono-sandbox'
import { sandbox, streamSandbox } from 'hono-sandbox/middleware'
import { BadRequest } from '../requests/refusal.js'
import type { RunEnv } from '../requests/run-request.js'
import { runRequest } from '../requests/run-request.js'
import { smallJson } from '../requests/small-json.js'
import { placeFiles } from '../routes/run-in-sandbox.js'
import { describeCell, describeEnd, describeInterrupt } from './session-docs.js'
import type { SessionParts } from './session-of.js'
import {
  endSession,
  SessionChoice,
  sessionOptions,
  sessionQuery,
  tellSession,
  visit,
} from './session-of.js'

/**
 * The sessions of browsers, one for each language: a container with one context, whose variables stay
 * from one cell to the next. `POST /session/run/stream`, `POST /session/interrupt` and
 * `DELETE /session`.
 */
export function sessions(parts: SessionParts) {
  const inOrder = sandbox<RunEnv>({
    ...sessionOptions(parts),
    language: (c) => c.get('run').language,
    sessionConcurrency: 1,
  })
  return new Hono<RunEnv>()
    .post('/session/run/stream', describeCell, runRequest, isCell, inOrder, async (c) => {
      const { code, files, timeoutMs } = c.get('run')
      const box = c.get('sandbox')
      await placeFiles(box, files)
      const context = await contextOf(box)
      const handle = box.runCode(code, { context, timeoutMs })
      tellSession(c, box)
      // Iterate the handle before it is awaited: a handle that is only awaited drops its events.
      const response = streamSandbox(c, handle)
      void finish(box, context, handle)
      return response
    })
    .post(
      '/session/interrupt',
      describeInterrupt,
      smallJson(SessionChoice, '{ "language": "python" }'),
      async (c) => {
        const box = await visit(c, parts, c.req.valid('json'))
        for (const context of box?.listCodeContexts() ?? []) box?.interruptCodeContext(context)
        box?.release()
        return c.body(null, 204)
      },
    )
    .delete('/session', describeEnd, sessionQuery, async (c) => {
      await endSession(c, parts, c.req.valid('query'))
      return c.body(null, 204)
    })
}

/** Refuses what a cell does not have. */
const isCell = createMiddleware<RunEnv>(async (c, next) => {
  const { stdin, args = [], env = {} } = c.get('run')
  if (stdin || args.length > 0 || Object.keys(env).length > 0) {
    throw new BadRequest('stdin, args and env: expected none, because a cell has none')
  }
  await next()
})

/** Waits for the end of a cell, and releases the sandbox: not only when the client has read all. */
async function finish(box: Sandbox, context: CodeContext, cell: CodeHandle): Promise<void> {
  try {
    const { context: state } = await cell
    // Without the lost context, the next cell gets a new one in place of an error.
    if (state === 'lost') await box.deleteCodeContext(context)
  } catch {
    // The client gets the error as an event.
  } finally {
    box.release()
  }
}

async function contextOf(box: Sandbox): Promise<CodeContext> {
  const [context = await box.createCodeContext()] = box.listCodeContexts()
  return context
}
