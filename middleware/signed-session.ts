import { createHmac, randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import { getSignedCookie, setSignedCookie } from 'hono/cookie'
import { check } from '../src/schemas/check.js'
import { SignedSessionCall } from './options.js'

/** The options of `signedSession()`. */
export interface SignedSessionOptions {
  /**
   * The key of the signatures: at least 32 characters that nobody can guess. All server processes
   * need the same key. If the key changes, all cookies become invalid.
   */
  secret: string
  /**
   * The name of the cookie. If the cookie is secure, the prefix `__Host-` is added, so that no other
   * host of the domain can set it.
   *
   * @default 'sandbox_session'
   */
  name?: string | undefined
  /**
   * Whether the browser sends the cookie only over HTTPS.
   *
   * @default true if NODE_ENV is 'production'
   */
  secure?: boolean | undefined
  /**
   * How long the browser keeps the cookie, in seconds.
   *
   * @default until the browser is closed
   */
  maxAge?: number | undefined
}

/** The number of random bytes of an id. 32 bytes cannot be guessed. */
const ID_BYTES = 32
/** An id in base64url. */
const ID = /^[\w-]{43}$/

/**
 * Returns a function for the option `session` of `sandbox()`. It gives each browser a session of its
 * own: the id of the session is random, and a cookie keeps it. The cookie is signed, `HttpOnly` and
 * `SameSite=Lax`. A cookie that this server has not signed is ignored, and replaced by a new one.
 *
 * The function can also be called in a handler. It returns the id, for example for `endSession()` of
 * the pool. In the route of a page, it sets the cookie before the first run, so that all tabs of the
 * browser share one session.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option is not valid.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { sandbox, signedSession } from 'hono-sandbox/middleware'
 *
 * const session = signedSession({ secret: process.env.SESSION_SECRET ?? 'x'.repeat(32) })
 * const app = new Hono().post('/run', sandbox({ session }), async (c) => {
 *   return c.json(await c.get('sandbox').runCode(await c.req.text()))
 * })
 * ```
 */
export function signedSession(options: SignedSessionOptions): (c: Context) => Promise<string> {
  check(SignedSessionCall, options, 'signedSession')
  const { secret, name = 'sandbox_session', maxAge } = options
  const { secure = process.env.NODE_ENV === 'production' } = options
  const prefix = secure ? 'host' : undefined
  // A signature of Hono does not contain the name of the cookie. Therefore each name has a key of
  // its own: a value that the app has signed for another cookie is not a valid id of a session.
  const key = createHmac('sha256', secret).update(`hono-sandbox session ${name}`).digest('base64')

  return async function sessionOfCookie(c) {
    const known = await getSignedCookie(c, key, name, prefix)
    if (known && ID.test(known)) return known
    const id = randomBytes(ID_BYTES).toString('base64url')
    await setSignedCookie(c, name, id, key, {
      httpOnly: true,
      sameSite: 'Lax',
      ...(prefix && { prefix }),
      ...(maxAge !== undefined && { maxAge }),
    })
    // Hono adds the header to a response that the handler creates itself only if the context already
    // has a response.
    void c.res
    return id
  }
}
