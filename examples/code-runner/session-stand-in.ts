// A minimal stand-in for the session routes: to be dropped when those of the API are merged.
import { randomBytes } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { getSandboxes } from 'hono-sandbox'
import { sandbox, sendFile, signedSession, streamSandbox } from 'hono-sandbox/middleware'
import type { RunEnv } from './run-request.js'
import { runRequest } from './run-request.js'

export function sessionStandIn() {
  const session = signedSession({ secret: randomBytes(32).toString('hex') })
  const inOrder = sandbox<RunEnv>({
    session,
    language: (c) => c.get('run').language,
    sessionConcurrency: 1,
  })
  const language = (c: Context) => c.req.query('language') ?? 'python'
  const atOnce = sandbox({ session, language })
  return new Hono<RunEnv & { Bindings: HttpBindings }>()
    .post('/session/run/stream', runRequest, inOrder, async (c) => {
      const { code, timeoutMs } = c.get('run')
      const box = c.get('sandbox')
      const [context = await box.createCodeContext()] = box.listCodeContexts()
      const handle = box.runCode(code, { context, timeoutMs })
      c.header('Sandbox-Session', box.session?.isNew ? 'new' : 'kept')
      if (box.session?.lostReason) c.header('Sandbox-Session-Lost', box.session.lostReason)
      const response = streamSandbox(c, handle)
      const release = () => box.release()
      handle.then(release, release)
      return response
    })
    .post('/session/interrupt', async (c) => {
      const { language } = await c.req.json<{ language: string }>()
      const box = await getSandboxes().session(language, await session(c))
      for (const context of box.listCodeContexts()) box.interruptCodeContext(context)
      box.release()
      return c.body(null, 204)
    })
    .delete('/session', async (c) => {
      await getSandboxes().endSession(await session(c), { language: language(c) })
      return c.body(null, 204)
    })
    .get('/session/files', async (c) => {
      const id = await session(c)
      const isOpen = getSandboxes()
        .listSessions()
        .some((each) => each.id === id && each.language === language(c))
      if (!isOpen) return c.json({ files: [], omitted: 0 })
      const box = await getSandboxes().session(language(c), id)
      const files = await box.listFiles('.', { recursive: true })
      box.release()
      return c.json({ files, omitted: 0 })
    })
    .get('/session/files/:path{.+}', atOnce, (c) => sendFile(c, c.req.param('path')))
    .put('/session/files/:path{.+}', atOnce, async (c) => {
      await c.get('sandbox').writeFile(c.req.param('path'), Buffer.from(await c.req.arrayBuffer()))
      return c.body(null, 204)
    })
    .delete('/session/files/:path{.+}', atOnce, async (c) => {
      await c.get('sandbox').deleteFile(c.req.param('path'))
      return c.body(null, 204)
    })
}
