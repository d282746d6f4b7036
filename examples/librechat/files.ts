import { basename } from 'node:path/posix'
import { create as contentDisposition } from 'content-disposition'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { CallerEnv } from './caller.js'
import type { FileStore, StoredFile } from './file-store.js'

const MAX_UPLOAD_BYTES = 26 * 1024 * 1024
const MAX_FILES = 200
const TOO_LARGE = 'File size limit exceeded'

/** The routes of files: upload, download, list, metadata and delete. */
export function files(store: FileStore) {
  const limit = bodyLimit({
    maxSize: MAX_UPLOAD_BYTES,
    onError: (c) => c.json({ error: TOO_LARGE }, 413),
  })
  const app = new Hono<CallerEnv>()
  /** Stores the files of a form, and returns the answer to an upload. */
  const upload = async (c: Context<CallerEnv>) => {
    const { session, files } = store.add(c.get('caller'), await uploadOf(c.req.raw))
    if (files.size === 0) throw new HTTPException(413, { message: TOO_LARGE })
    return {
      message: 'success',
      ...namesOf(session),
      files: [...files].map(([id, { name }]) => ({ fileId: id, filename: name })),
    }
  }
  app.post('/upload', limit, async (c) => c.json(await upload(c)))
  app.post('/upload/batch', limit, async (c) => {
    const { files, ...answer } = await upload(c)
    const stored = files.map((file) => Object.assign({ status: 'success' }, file))
    return c.json({ ...answer, files: stored, succeeded: stored.length, failed: 0 })
  })
  app.get('/files/:session', (c) => {
    const session = c.req.param('session')
    const found = store.list(c.get('caller'), session)
    if (!found) throw new HTTPException(404, { message: 'Session not found' })
    const isFull = ['full', 'summary'].includes(c.req.query('detail') ?? 'simple')
    const entries = [...found].map(([id, file]) =>
      Object.assign(
        { id, ...namesOf(session) },
        isFull ? { name: `${session}/${id}`, ...aboutFile(file) } : { name: file.name },
      ),
    )
    return c.json(entries)
  })
  app.get('/download/:session/:id', (c) => {
    const { session, id } = c.req.param()
    const { name, content } = existing(store.find(c.get('caller'), session, id))
    return c.body(content, 200, {
      'Cache-Control': 'private, no-cache',
      'Content-Disposition': contentDisposition(headerNameOf(name)),
      'Content-Security-Policy': 'sandbox',
      'Content-Type': 'application/octet-stream',
      'X-Content-Type-Options': 'nosniff',
    })
  })
  app.get('/sessions/:session/objects/:id', (c) => {
    const { session, id } = c.req.param()
    return c.json(aboutFile(existing(store.find(c.get('caller'), session, id))))
  })
  app.on('DELETE', ['/files/:session/:id', '/sessions/:session/objects/:id'], (c) => {
    const { session, id } = c.req.param()
    if (!store.delete(c.get('caller'), session ?? '', id ?? '')) existing(undefined)
    return c.json({ message: 'success' })
  })
  return app
}

/** Reads the files of a form. @throws HTTPException with the status 400. */
async function uploadOf(request: Request): Promise<StoredFile[]> {
  const form = await request.formData().catch(() => {
    throw new HTTPException(400, { message: 'the body must be multipart/form-data' })
  })
  const isReadOnly = form.get('read_only') === 'true'
  const uploads = [...form.values()].filter((value) => typeof value !== 'string')
  if (uploads.length === 0) throw new HTTPException(400, { message: 'No files provided' })
  if (uploads.length > MAX_FILES) throw new HTTPException(400, { message: 'Too many files' })
  return Promise.all(
    uploads.map(async (upload) => {
      const content = new Uint8Array(await upload.arrayBuffer())
      const { name, type: mimeType } = upload
      return { name, mimeType, content, modifiedAt: new Date(), isReadOnly }
    }),
  )
}

/** Returns the id of a session under both names that LibreChat uses for it. */
function namesOf(session: string) {
  return { session_id: session, storage_session_id: session }
}

function aboutFile({ name, mimeType, content, modifiedAt }: StoredFile) {
  return {
    size: content.byteLength,
    lastModified: modifiedAt.toISOString(),
    contentType: mimeType,
    originalFilename: name,
    metadata: { 'original-filename': name, 'content-type': mimeType },
  }
}

/** Returns the file name as the value of a header. A byte that is not UTF-8 becomes U+FFFD. */
function headerNameOf(name: string): string {
  return Buffer.from(basename(name)).toString()
}

function existing(file: StoredFile | undefined): StoredFile {
  if (!file) throw new HTTPException(404, { message: 'File not found' })
  return file
}
