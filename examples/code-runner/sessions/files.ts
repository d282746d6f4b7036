import path from 'node:path'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { sandbox, sendFile } from 'hono-sandbox/middleware'
import { uploadOf } from '../requests/upload.js'
import { describeGet, describeList, describePut, describeRemove } from './file-docs.js'
import { noFile, withFileErrors } from './file-errors.js'
import { filePath } from './file-path.js'
import type { SessionChoice, SessionParts } from './session-of.js'
import { sessionOptions, sessionQuery, tellSession, visit } from './session-of.js'

/** The maximum size of an uploaded file. The files of a container are in its memory. */
const MAX_FILE_BYTES = 32 * 1024 * 1024
/** The maximum number of entries in a list. */
const MAX_ENTRIES = 1000

interface FileEnv {
  Bindings: HttpBindings
}

/** The types of a route after `sessionQuery`. */
interface Chosen {
  out: { query: SessionChoice }
}

/**
 * The files of a session: `GET /session/files`, and `GET`, `PUT` and `DELETE` of one file. These
 * requests do not wait for a cell that runs. Only an upload opens a session.
 */
export function files(parts: SessionParts) {
  const leased = sandbox<FileEnv, string, Chosen>({
    ...sessionOptions(parts),
    language: (c) => c.req.valid('query').language,
  })
  const ifOpen = createMiddleware<FileEnv, string, Chosen>(async (c, next) => {
    const box = await visit(c, parts, c.req.valid('query'))
    box?.release()
    if (!box) throw noFile()
    await next()
  })
  return new Hono<FileEnv>()
    .get('/session/files', describeList, sessionQuery, async (c) => {
      const box = await visit(c, parts, c.req.valid('query'))
      if (!box) return c.json({ files: [], omitted: 0 }, 200)
      try {
        const entries = await withFileErrors(() => box.listFiles('.', { recursive: true }))
        const files = entries
          .slice(0, MAX_ENTRIES)
          .map(({ path, type, size, mtimeMs }) => ({ path, type, size, mtimeMs }))
        return c.json({ files, omitted: entries.length - files.length }, 200)
      } finally {
        box.release()
      }
    })
    .get('/session/files/:path{.+}', describeGet, sessionQuery, filePath, ifOpen, leased, (c) =>
      withFileErrors(() => sendFile(c, c.get('path'))),
    )
    .put('/session/files/:path{.+}', describePut, sessionQuery, filePath, leased, async (c) => {
      const [box, file] = [c.get('sandbox'), c.get('path')]
      await withFileErrors(async () => {
        await box.mkdir(path.posix.dirname(file), { recursive: true })
        await box.writeFile(file, uploadOf(c.env.incoming, MAX_FILE_BYTES), { atomic: true })
      })
      tellSession(c, box)
      return c.body(null, 204)
    })
    .delete(
      '/session/files/:path{.+}',
      describeRemove,
      sessionQuery,
      filePath,
      ifOpen,
      leased,
      async (c) => {
        await withFileErrors(() => c.get('sandbox').deleteFile(c.get('path'), { recursive: true }))
        return c.body(null, 204)
      },
    )
}
