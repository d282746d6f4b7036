import { Hono } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { SandboxPool } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox, type SandboxEnv } from 'hono-sandbox/middleware'

/** A user of the app. The token is a secret of the user, which only the user's programs get. */
export interface User {
  id: string
  token: string
}

type AppEnv = SandboxEnv & { Variables: { user: User } }

/**
 * Creates an app with limits for each route and each user. `users` maps each API key to its user.
 * `/quick` runs code in a small container for a few seconds, `/data` in a large one with pandas. The
 * bounds of each user are those of the pool: `maxPerTenant` and `maxWaitingPerTenant`.
 */
export function createApp(users: ReadonlyMap<string, User>, pool?: SandboxPool) {
  const lease = (limits: { language: string; acquireTimeoutMs: number; leaseTtlMs: number }) =>
    sandbox<AppEnv>({
      ...limits,
      pool,
      tenant: (c) => c.get('user').id,
      env: (c) => ({ USER_ID: c.get('user').id, USER_TOKEN: c.get('user').token }),
      logger: console,
    })
  const quick = lease({ language: 'python', acquireTimeoutMs: 2000, leaseTtlMs: 5000 })
  const data = lease({ language: 'python-data', acquireTimeoutMs: 20_000, leaseTtlMs: 60_000 })

  const app = new Hono<AppEnv>()
  app.use(
    bearerAuth({
      verifyToken: (key, c) => {
        const user = users.get(key)
        if (user) c.set('user', user)
        return user !== undefined
      },
    }),
    bodyLimit({ maxSize: 1024 * 1024 }),
  )
  for (const [path, middleware] of [
    ['/quick', quick],
    ['/data', data],
  ] as const) {
    app.post(path, middleware, async (c) => {
      const { stdout, text, error, killedBy } = await c.get('sandbox').runCode(await c.req.text())
      return c.json({ stdout, text, error: error?.message, killedBy })
    })
  }
  return app.onError((error, c) => {
    if (error instanceof SandboxError) return errorResponse(c, error)
    if (error instanceof HTTPException) return error.getResponse()
    console.error(error)
    return c.text('Internal Server Error', 500)
  })
}
