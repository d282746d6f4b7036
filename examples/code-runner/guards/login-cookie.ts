import { createHmac } from 'node:crypto'
import type { Context } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'

const NAME = 'code_runner_login'
/** The time for which a login is valid, in seconds. */
const MAX_AGE_S = 7 * 24 * 3600

/**
 * The cookie of a browser that has logged in: the time at which the login ends, signed. It is
 * `HttpOnly` and `SameSite=Lax`, so that a link from another site opens the page. In production it is
 * `Secure` and bound to the host, so the page needs HTTPS or localhost there. A cookie becomes
 * invalid if the token or the secret changes.
 */
export class LoginCookie {
  readonly #key: string
  readonly #options: Readonly<Record<'prefix', 'host'>> | undefined

  constructor({ secret, token }: { secret: string; token: string }) {
    // The key contains the secret, so that nobody can use a cookie to test guesses of the token.
    this.#key = createHmac('sha256', secret).update(`code runner login ${token}`).digest('base64')
    this.#options = process.env.NODE_ENV === 'production' ? { prefix: 'host' } : undefined
  }

  async set(c: Context): Promise<void> {
    const endsAt = Date.now() + MAX_AGE_S * 1000
    await setSignedCookie(c, NAME, String(endsAt), this.#key, {
      ...this.#options,
      httpOnly: true,
      sameSite: 'Lax',
      maxAge: MAX_AGE_S,
    })
  }

  /** Returns whether the request has a cookie that `set()` has made and that is not too old. */
  async isIn(c: Context): Promise<boolean> {
    const endsAt = await getSignedCookie(c, this.#key, NAME, this.#options?.prefix)
    return Number(endsAt || 0) > Date.now()
  }

  remove(c: Context): void {
    deleteCookie(c, NAME, this.#options)
  }
}
