import path from 'node:path'
import { create as contentDisposition } from 'content-disposition'
import type { Context } from 'hono'
import { SandboxFileError } from '../src/errors.js'
import { mimeTypeOf } from '../src/sandbox/files/mime.js'
import { check } from '../src/schemas/check.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import { isFresh, partOf, validatorsOf } from './conditional.js'
import { sandboxOf } from './sandbox-of.js'
import { SendCall } from './options.js'

/** What {@link sendFile} takes. */
export interface SendFileOptions {
  /**
   * The media type.
   *
   * @default by the file's name, else application/octet-stream
   */
  contentType?: string | undefined
  /**
   * Whether a browser saves the file or shows it. It is shown without its scripts and outside your
   * origin.
   *
   * @default 'attachment'
   */
  disposition?: 'attachment' | 'inline' | undefined
  /**
   * The name to save it under.
   *
   * @default the last part of the path
   */
  filename?: string | undefined
  /**
   * Where the file is.
   *
   * @default c.get('sandbox')
   */
  sandbox?: Sandbox | undefined
}

/**
 * Answers with a file of the sandbox, as it is read: never whole in memory, however large, and no
 * faster than the client takes it. When the client goes, reading ends.
 *
 * It knows `Range` (one; several are answered with the whole file), `If-Range`, `If-None-Match`,
 * `If-Modified-Since` and `HEAD`, which opens nothing. The ETag is made of size and time, as static
 * servers do: a program that sets both back goes unseen. A file that becomes shorter while it is sent
 * breaks the response off, which a client can tell from its end.
 *
 * What a program has made is not to be trusted: the browser is told not to guess at its type, and to
 * run nothing in it.
 *
 * @throws SandboxFileError `ENOENT`, `EACCES`, ...; `EISDIR` or `EINVAL` for what is not a regular
 * file. `errorResponse` makes 404 of a file that is not there.
 * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { sandbox, sendFile } from 'hono-sandbox/middleware'
 *
 * const app = new Hono().use(sandbox()).post('/plot.png', async (c) => {
 *   await c.get('sandbox').runCode(await c.req.text())
 *   return sendFile(c, 'plot.png', { disposition: 'inline' })
 * })
 * ```
 */
export async function sendFile(
  c: Context,
  file: string,
  options: SendFileOptions = {},
): Promise<Response> {
  check(SendCall, options, 'sendFile')
  const { contentType = mimeTypeOf(file), disposition: type = 'attachment' } = options
  const sandbox = sandboxOf(c, options.sandbox)
  const entry = await sandbox.stat(file)
  if (entry.type !== 'file') {
    const errno = entry.type === 'directory' ? 'EISDIR' : 'EINVAL'
    throw new SandboxFileError(errno, file, 'not a regular file')
  }
  const validators = validatorsOf(entry)
  const { etag, lastModified } = validators
  const common = {
    'Accept-Ranges': 'bytes',
    // Else a shared cache may keep it and give it to others, for it has a Last-Modified.
    'Cache-Control': 'private, no-cache',
    ETag: etag,
    ...(lastModified && { 'Last-Modified': lastModified }),
    'X-Content-Type-Options': 'nosniff',
  }
  if (isFresh(c, validators)) return c.body(null, 304, common)
  const part = partOf(c, entry.size, validators)
  if (part === 'unsatisfiable') {
    return c.body(null, 416, { ...common, 'Content-Range': `bytes */${entry.size}` })
  }
  const { start, length } = part ?? { start: 0, length: entry.size }
  const range = `bytes ${start}-${start + length - 1}/${entry.size}`
  const headers = {
    ...common,
    'Content-Disposition': contentDisposition(nameFor(options.filename ?? file), { type }),
    'Content-Length': String(length),
    'Content-Security-Policy': 'sandbox',
    'Content-Type': contentType,
    ...(part && { 'Content-Range': range }),
  }
  const status = part ? 206 : 200
  if (c.req.method === 'HEAD') return c.body(null, status, headers)
  const content = await sandbox.readFile(file, { format: 'stream', offset: start, length })
  return c.body(whole(content, length, file), status, headers)
}

/** A byte of a name that is no character has none in a header either: it becomes U+FFFD. */
function nameFor(file: string): string {
  return Buffer.from(path.posix.basename(file)).toString()
}

/** The bytes, or an error where there are fewer than was said. */
function whole(
  content: ReadableStream<Uint8Array>,
  length: number,
  file: string,
): ReadableStream<Uint8Array> {
  let left = length
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      left -= bytes.length
      controller.enqueue(bytes)
    },
    flush() {
      if (left > 0) throw new SandboxFileError('EIO', file, 'it became shorter while it was sent')
    },
  })
  return content.pipeThrough(count)
}
