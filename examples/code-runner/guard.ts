import { isIP, isIPv6 } from 'node:net'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'

/** What stands in a `Host` header: a name or an address, and maybe a port. */
const HOST = /^(?<name>[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
const OWN_SITE: ReadonlySet<string> = new Set(['same-origin', 'none'])

const REFUSALS = {
  HOST_NOT_ALLOWED:
    'this server answers for IP addresses, localhost and the names in the variable ALLOWED_HOSTS: add the name of this host to it',
  ORIGIN_NOT_ALLOWED:
    'a page of another origin may not call this server: call it from its own origin, or without a browser',
} as const

/**
 * Reads a comma-separated list of host names.
 *
 * @throws Error if an entry is not a host name, for example because it has a scheme or a port.
 */
export function readHosts(list: string): ReadonlySet<string> {
  const entries = list.split(',').map((entry) => entry.trim())
  const names = entries.filter((entry) => entry !== '').map(canonical)
  for (const name of names) {
    if (/^[\w.-]+$/.test(name)) continue
    throw new Error(
      `ALLOWED_HOSTS is ${JSON.stringify(list)}, expected host names without scheme and port: code.example.com,localhost`,
    )
  }
  return new Set(names)
}

/**
 * Refuses requests that a page of another site sends through a user's browser. `Host` must be an IP
 * address, `localhost` or in `allowed`: a name that an attacker points at this machine (DNS rebinding)
 * is none of these. `Origin`, if there is one, must be of this host or of one in `allowed`;
 * `Sec-Fetch-Site`, if there is one, must not be of another site. Programs send neither of the two.
 */
export function guard(allowed: ReadonlySet<string>) {
  const isKnown = (name: string | undefined) =>
    name !== undefined && (name === 'localhost' || isAddress(name) || allowed.has(name))
  return createMiddleware(async (c, next) => {
    const host = c.req.header('host')
    // A request line with a whole URL names the host a second time.
    if (!isKnown(nameIn(host)) || !isKnown(nameIn(new URL(c.req.url).host))) {
      return refuse(c, 'HOST_NOT_ALLOWED')
    }
    const origin = c.req.header('origin')
    const isOurs = origin === undefined || isOfHost(origin, host) || allowed.has(nameOf(origin))
    const site = c.req.header('sec-fetch-site')
    if (!isOurs || (site !== undefined && !OWN_SITE.has(site))) {
      return refuse(c, 'ORIGIN_NOT_ALLOWED')
    }
    return next()
  })
}

function refuse(c: Context, code: keyof typeof REFUSALS) {
  return c.json({ error: { code, message: REFUSALS[code] } }, 403)
}

function nameIn(host: string | undefined): string | undefined {
  const name = HOST.exec(host ?? '')?.groups?.name
  return name && canonical(name)
}

/** As a name is compared: DNS knows no case, and a dot at the end changes nothing. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

function isAddress(name: string): boolean {
  return isIP(name) !== 0 || (name.startsWith('[') && isIPv6(name.slice(1, -1)))
}

/** Whether an origin has the name and the port of the `Host` header. */
function isOfHost(origin: string, host: string | undefined): boolean {
  const from = webUrl(origin)
  // With the same scheme, so that a default port is the same whether it is written or not.
  const to = from && webUrl(`${from.protocol}//${host}`)
  return (
    from !== undefined &&
    to !== undefined &&
    from.port === to.port &&
    canonical(from.hostname) === canonical(to.hostname)
  )
}

function nameOf(origin: string): string {
  return canonical(webUrl(origin)?.hostname ?? '')
}

/** `undefined` for an opaque origin (`null`), and for that of an extension or a file. */
function webUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}
