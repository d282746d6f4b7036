import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { timingSafeEqual } from 'hono/utils/buffer'
import { layout } from '../html/layout.js'
import { HeldBody, readText } from '../requests/body.js'
import { Refusal } from '../requests/refusal.js'
import type { LoginCookie } from './login-cookie.js'
import { limitRate } from './rate-limit.js'

const FORM = 'application/x-www-form-urlencoded'
const MAX_FORM_BYTES = 4096
/** The number of attempts to log in that a client has in a minute. */
const MAX_ATTEMPTS = 10

/** What the routes of the login need: the token, its cookie, and the number of trusted proxies. */
interface LoginOptions {
  token: string
  cookie: LoginCookie
  proxies: number
}

/**
 * The login form for browsers, because the WebSocket of a page cannot send the token in a header:
 * `GET /login`, `POST /login` and `POST /logout`.
 */
export function login({ token, cookie, proxies }: LoginOptions) {
  return new Hono<{ Bindings: HttpBindings }>()
    .get('/login', (c) => c.html(form()))
    .post('/login', limitRate({ limit: MAX_ATTEMPTS, proxies }), async (c) => {
      const given = (await readForm(c)).get('token')?.trim() ?? ''
      if (!(await timingSafeEqual(token, given))) {
        return c.html(form('This token is wrong.'), 401)
      }
      await cookie.set(c)
      return c.redirect('/', 303)
    })
    .post('/logout', (c) => {
      cookie.remove(c)
      return c.redirect('/login', 303)
    })
}

/** The routes of the login if there is no token: they lead to the page. */
export function withoutLogin() {
  return new Hono()
    .on(['GET', 'POST'], '/login', (c) => c.redirect('/', 303))
    .post('/logout', (c) => c.redirect('/', 303))
}

async function readForm(c: Context<{ Bindings: HttpBindings }>): Promise<URLSearchParams> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== FORM) throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', `send ${FORM}`)
  const body = new HeldBody()
  try {
    return new URLSearchParams(await readText(body, c.env.incoming, MAX_FORM_BYTES))
  } finally {
    body.release()
  }
}

function form(error?: string) {
  return layout(
    'Log in to the code runner',
    html`<h1>Log in</h1>
      ${error && html`<p class="alert" role="alert">${error}</p>`}
      <form method="post" action="/login">
        <label>
          The token of this server
          <input name="token" type="password" autocomplete="current-password" required autofocus />
        </label>
        <button>Log in</button>
      </form>`,
  )
}
