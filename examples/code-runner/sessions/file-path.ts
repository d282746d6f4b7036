import { createMiddleware } from 'hono/factory'
import { BadRequest } from '../requests/refusal.js'

/** The maximum length of a path in bytes, as in Linux. */
const MAX_BYTES = 4096
const EXPECTED =
  'the path: expected names separated by single slashes, without "." and "..", in valid UTF-8 and without NUL'

/** The path of a file below the working directory of a session, after validation. */
export interface FilePath {
  Variables: { path: string }
}

/**
 * Validates the path of a file. A program of the session can read every file of its container, so the
 * container is the border; but a path in a URL leads only to the working directory.
 */
export const filePath = createMiddleware<FilePath, '/:path{.+}'>(async (c, next) => {
  const path = c.req.param('path')
  const names = path.split('/')
  const isPlain = names.every((name) => name !== '' && name !== '.' && name !== '..')
  const isText = !path.includes('\0') && isDecodable(c.req.url)
  if (!isPlain || !isText || Buffer.byteLength(path) > MAX_BYTES) throw new BadRequest(EXPECTED)
  c.set('path', path)
  await next()
})

/** Returns whether the path of a URL is valid UTF-8. Hono takes other escapes literally. */
function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url.split('?')[0] ?? '')
    return true
  } catch {
    return false
  }
}
