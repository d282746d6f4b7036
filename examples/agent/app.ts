import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { SandboxPool } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import {
  errorResponse,
  receiveFiles,
  sandbox,
  sendFile,
  signedSession,
} from 'hono-sandbox/middleware'
import { work } from './agent.js'
import type { Model } from './model.js'

const TASK_MS = 5 * 60_000

/**
 * Creates an app in which an agent works on the files of a user. `POST /tasks` takes a form with a
 * `task` and files, and returns the answer and the files that the agent returns. `GET /files/:path`
 * returns one of them. Each browser has a session of its own, in which files and variables stay.
 */
export function createApp(model: Model, secret: string, pool?: SandboxPool) {
  const options = { pool, session: signedSession({ secret }), leaseTtlMs: TASK_MS }
  const inOrder = sandbox({ ...options, sessionConcurrency: 1 })
  const ifOpen = sandbox({ ...options, sessionMustExist: true })

  return new Hono()
    .post('/tasks', inOrder, async (c) => {
      const box = c.get('sandbox')
      const { task } = (await receiveFiles(c)).fields
      if (!task) throw new HTTPException(400, { message: 'the form needs the field "task"' })
      const returned = new Set<string>()
      const answer = await work(model, task, { box, returned })
      return c.json({ answer, files: [...returned].map(urlOf) })
    })
    .get('/files/:path{.+}', ifOpen, async (c) => sendFile(c, c.req.param('path')))
    .onError((error, c) => {
      if (error instanceof SandboxError) return errorResponse(c, error)
      if (error instanceof HTTPException) return error.getResponse()
      console.error(error)
      return c.text('Internal Server Error', 500)
    })
}

const urlOf = (path: string) => `/files/${encodeURIComponent(path)}`
