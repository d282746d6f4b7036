import type { Context, MiddlewareHandler } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { errorBody } from '../requests/refusal.js'
import type { LoginCookie } from './login-cookie.js'

const MISSING = 'send the header "Authorization: Bearer <token>", or log in at /login'
const MALFORMED = 'the header Authorization: expected "Bearer <token>"'
const WRONG = 'the token is wrong: it must be the value of the variable CODE_RUNNER_TOKEN'

/**
 * Refuses a request with neither the token nor the cookie of a login. A browser that opens a page is
 * sent to the login form. Routes that are added before this middleware need no token.
 */
export function requireToken(token: string, cookie: LoginCookie): MiddlewareHandler {
  const bearer = bearerAuth({
    token, // bearerAuth compares it in constant time.
    realm: 'code runner',
    noAuthenticationHeader: { message: errorBody('UNAUTHORIZED', MISSING) },
    invalidAuthenticationHeader: { message: errorBody('BAD_REQUEST', MALFORMED) },
    invalidToken: { message: errorBody('UNAUTHORIZED', WRONG) },
  })
  return async function tokenMiddleware(c, next) {
    if (await cookie.isIn(c)) return next()
    if (isOpenedPage(c)) return c.redirect('/login')
    return bearer(c, next)
  }
}

/** Returns whether a browser without a token opens a page. */
function isOpenedPage(c: Context): boolean {
  const isRead = c.req.method === 'GET' || c.req.method === 'HEAD'
  const accept = c.req.header('accept') ?? ''
  return isRead && c.req.header('authorization') === undefined && accept.includes('text/html')
}
