import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import { findTargetHandler, isMiddleware } from 'hono/utils/handler'

/**
 * Returns whether a handler follows the current middleware in the routes that match a request.
 * Without this check, requests for unknown paths, for example from a scanner, would lease
 * containers.
 *
 * Hono registers a handler of `.all()` in the same way as a middleware. A later route counts as a
 * middleware only if it has all three marks of one: every method (`.use()` and `.all()`), a function
 * with two parameters, and a path that ends with `*`. If a middleware without `*` counts as a
 * handler by mistake, only a request for its own path gets a lease that it does not need.
 */
export function hasHandler(c: Context): boolean {
  const later = matchedRoutes(c).slice(c.req.routeIndex + 1)
  return later.some(({ method, handler, path }) => {
    return method !== 'ALL' || !isMiddleware(findTargetHandler(handler)) || !path.endsWith('*')
  })
}
