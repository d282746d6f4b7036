import { isIP, isIPv6 } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import { rateLimiter } from 'hono-rate-limiter'
import { Refusal } from '../requests/refusal.js'

const WINDOW_MS = 60_000
/** The number of groups of an IPv6 address that name a network. One customer has many addresses. */
const NETWORK_GROUPS = 4
const GROUPS = 8

/** The limit of requests of one client in a minute, and the number of proxies before the server. */
interface RateLimit {
  limit: number
  proxies: number
}

/** Refuses the requests of a client that sends too many in a minute. A limit of 0 means no limit. */
export function limitRate({ limit, proxies }: RateLimit): MiddlewareHandler {
  if (limit === 0) return async (_, next) => next()
  return rateLimiter<{ Bindings: HttpBindings }>({
    windowMs: WINDOW_MS,
    limit,
    keyGenerator: (c) => clientOf(c, proxies),
    handler: () => {
      throw new Refusal(429, 'TOO_MANY_REQUESTS', `at most ${limit} requests in a minute`)
    },
  })
}

/**
 * Returns the network address of the client. Each trusted proxy has appended the address of its
 * client to `X-Forwarded-For`; the addresses before those come from the client itself.
 */
function clientOf(c: Context<{ Bindings: HttpBindings }>, proxies: number): string {
  const direct = c.env.incoming.socket.remoteAddress ?? ''
  const forwarded = c.req.header('x-forwarded-for')?.split(',').at(-proxies)?.trim() ?? ''
  return networkOf(proxies > 0 && isIP(forwarded) !== 0 ? forwarded : direct)
}

/** Returns an IPv4 address itself, and the network of an IPv6 address. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(?<v4>[\d.]+)$/i.exec(address)?.groups?.v4
  if (mapped || !isIPv6(address)) return mapped ?? address
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array<string>(Math.max(0, GROUPS - head.length - tail.length)).fill('0')
  return [...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':')
}
