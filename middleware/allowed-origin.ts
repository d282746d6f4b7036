import type { Context } from 'hono'
import { SandboxError } from '../src/errors.js'
import type { WebsocketSandboxOptions } from './websocket-options.js'

/**
 * Refuses a page of another origin: browsers let every page open a WebSocket to every server.
 *
 * @throws SandboxError `SANDBOX_ORIGIN_REFUSED`.
 */
export function checkOrigin(c: Context, origins: WebsocketSandboxOptions['origins']): void {
  const origin = c.req.header('origin')
  if (origin === undefined) return // a client that is no browser
  const isAllowed =
    typeof origins === 'function'
      ? origins(origin, c)
      : (origins?.includes(origin) ?? isSame(origin, c.req.header('host')))
  if (isAllowed) return
  throw new SandboxError(
    'SANDBOX_ORIGIN_REFUSED',
    'a page of this origin must not call this server',
    { suggestion: 'Name the origin of the page in the option origins' },
  )
}

/**
 * Whether an origin has the host and the port of the request. The scheme is not compared, because a
 * proxy may have ended TLS.
 */
function isSame(origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin)) return false
  const from = new URL(origin)
  const to = `${from.protocol}//${host}`
  return /^https?:$/.test(from.protocol) && URL.canParse(to) && new URL(to).host === from.host
}
