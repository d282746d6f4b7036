import path from 'node:path'
import { create as contentDisposition } from 'content-disposition'
import type { Context } from 'hono'
import { SandboxFileError } from '../src/errors.js'
import { mimeTypeOf } from '../src/sandbox/files/mime.js'
import { check } from '../src/schemas/check.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import { isFresh, requestedPart, validatorsOf } from './conditional.js'
import { sandboxOf } from './sandbox-of.js'
import { SendCall } from './options.js'

/** The options of {@link sendFile}. */
export interface SendFileOptions {
  /**
   * The media type of the file.
   *
   * @default by the file's name, else application/octet-stream
   */
  contentType?: string | undefined
  /**
   * Whether a browser saves the file (`attachment`) or displays it (`inline`). A displayed file
   * cannot run scripts, and does not belong to the origin of your site.
   *
   * @default 'attachment'
   */
  disposition?: 'attachment' | 'inline' | undefined
  /**
   * The file name that a browser suggests when it saves the file.
   *
   * @default the last part of the path
   */
  filename?: string | undefined
  /**
   * The sandbox with the file.
   *
   * @default c.get('sandbox')
   */
  sandbox?: Sandbox | undefined
}

/**
 * Returns a response with a file of the sandbox. The file is streamed: it is never completely in
 * memory, and is read no faster than the client receives it. If the client disconnects, the reading
 * stops.
 *
 * It supports `Range` (several ranges are answered with the whole file), `If-Range`,
 * `If-None-Match`, `If-Modified-Since` and `HEAD`, which does not open the file. The ETag consists
 * of size and time, as in many static file servers: if a program restores both after a change, the
 * change is not detected. If the file becomes shorter while it is sent, the response is aborted, so
 * that the client notices.
 *
 * Files of a program are untrusted. The response has headers that forbid the browser to guess
 * another media type and to run scripts of the file.
 *
 * @throws SandboxFileError `ENOENT`, `EACCES`, ... if the file cannot be read; `EISDIR` or `EINVAL`
 * if it is not a regular file. `errorResponse()` returns 404 for a file that does not exist.
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
    // Without this header, a shared cache could store the response because of its Last-Modified
    // header, and send it to other users.
    'Cache-Control': 'private, no-cache',
    ETag: etag,
    ...(lastModified && { 'Last-Modified': lastModified }),
    'X-Content-Type-Options': 'nosniff',
  }
  if (isFresh(c, validators)) return c.body(null, 304, common)
  const part = requestedPart(c, entry.size, validators)
  if (part === 'unsatisfiable') {
    return c.body(null, 416, { ...common, 'Content-Range': `bytes */${entry.size}` })
  }
  const { start, length } = part ?? { start: 0, length: entry.size }
  const range = `bytes ${start}-${start + length - 1}/${entry.size}`
  const headers = {
    ...common,
    'Content-Disposition': contentDisposition(headerNameOf(options.filename ?? file), { type }),
    'Content-Length': String(length),
    'Content-Security-Policy': 'sandbox',
    'Content-Type': contentType,
    ...(part && { 'Content-Range': range }),
  }
  const status = part ? 206 : 200
  if (c.req.method === 'HEAD') return c.body(null, status, headers)
  const content = await sandbox.readFile(file, { format: 'stream', offset: start, length })
  return c.body(withLengthCheck(content, length, file), status, headers)
}

/**
 * Returns the file name for the header. A byte of the name that is not UTF-8 becomes U+FFFD,
 * because the header cannot represent it.
 */
function headerNameOf(file: string): string {
  return Buffer.from(path.posix.basename(file)).toString()
}

/** Returns the same content as a stream that fails if it has fewer than `length` bytes. */
function withLengthCheck(
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
      if (left > 0)
        throw new SandboxFileError('EIO', file, 'the file became shorter while it was sent')
    },
  })
  return content.pipeThrough(count)
}
