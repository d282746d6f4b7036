import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'

export interface CallerEnv {
  Variables: {
    /** The key of the caller, which the app has verified. */
    caller: string
  }
}

/** Returns the key of a caller, or `undefined` if it is unknown. */
export type CallerOf = (c: Context) => string | undefined | Promise<string | undefined>

/** Refuses a request without a caller. */
export function requireCaller(callerOf: CallerOf) {
  return createMiddleware<CallerEnv>(async (c, next) => {
    const caller = await callerOf(c)
    if (caller === undefined) throw new HTTPException(401, { message: 'Unauthorized' })
    c.set('caller', caller)
    await next()
  })
}
