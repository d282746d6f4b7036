import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { contextStorage } from 'hono/context-storage'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import type { SandboxPool } from 'hono-sandbox'
import { signedSession } from 'hono-sandbox/middleware'
import { docs, plainCss } from './api/docs.js'
import { documentOf } from './api/document.js'
import { login, withoutLogin } from './guards/login.js'
import { LoginCookie } from './guards/login-cookie.js'
import { refuseOtherSites } from './guards/other-sites.js'
import { limitRate } from './guards/rate-limit.js'
import { requireToken } from './guards/token.js'
import { registerMetrics } from './operator/metrics.js'
import { playground } from './playground/playground.js'
import { answerError } from './requests/answer-error.js'
import { discardBody } from './requests/body.js'
import { errorBody, Refusal } from './requests/refusal.js'
import { health } from './routes/health.js'
import { interactive } from './routes/interactive.js'
import { languages } from './routes/languages.js'
import { metrics } from './routes/metrics.js'
import { runs } from './routes/runs.js'
import { playgroundHeaders, securityHeaders } from './security-headers.js'
import { files } from './sessions/files.js'
import { sessions } from './sessions/sessions.js'
import type { Settings } from './settings.js'

interface AppEnv {
  Bindings: HttpBindings
}

/** The options of `createApp()`. Without a pool, the app uses the pool of the process. */
type AppOptions = Omit<Settings, 'hostname' | 'port' | 'logLevel'> & { pool?: SandboxPool }

/**
 * Creates a server that runs code snippets. The order of the routes matters: the guards of an earlier
 * line stand before all later ones.
 */
export function createApp({ allowedHosts, token, secret, rateLimit, proxies, pool }: AppOptions) {
  const app = new Hono<AppEnv>()
  const cookie = new LoginCookie({ secret, token: token ?? '' })
  const parts = { session: signedSession({ secret }), pool }

  app.use(async (c, next) => {
    await next()
    discardBody(c.env.incoming)
  })
  app.use(contextStorage(), registerMetrics)
  app.use(requestId(), securityHeaders, refuseOtherSites(allowedHosts))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (_, methods) => refuseMethod(methods) }))
  app.onError(answerError)
  app.notFound((c) => c.json(errorBody('NOT_FOUND', 'no such route'), 404))

  // These routes have no rate limit.
  const open = app.route('/', health(pool))
  app.use(limitRate({ limit: rateLimit, proxies }))
  // Routes without a token.
  app.route('/', plainCss())
  if (token) {
    app.route('/', login({ token, cookie, proxies }))
    app.use(requireToken(token, cookie))
  } else {
    app.route('/', withoutLogin())
  }
  // Routes that need the token, if there is one.
  app.route(
    '/',
    docs(() => documentOf(app)),
  )
  app.get('/', playgroundHeaders).route('/', playground(pool))
  return open
    .route('/', runs(pool))
    .route('/', interactive(pool))
    .route('/', sessions(parts))
    .route('/', files(parts))
    .route('/', languages(pool))
    .route('/', metrics())
}

function refuseMethod(methods: readonly string[]): never {
  const allow = methods.join(', ')
  throw new Refusal(405, 'METHOD_NOT_ALLOWED', `this path allows only: ${allow}`, { Allow: allow })
}
