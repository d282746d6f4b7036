import { isIP, isIPv6 } from 'node:net'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { Refusal } from '../requests/refusal.js'

/** The value of a `Host` header: a name or an IP address, with an optional port. */
const HOST = /^(?<name>[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
const OWN_SITE: ReadonlySet<string> = new Set(['same-origin', 'none'])
/** The pages that a link of another site may open. They do nothing by themselves. */
const PAGES: ReadonlySet<string> = new Set(['/', '/pool', '/docs', '/login'])

const REFUSALS = {
  HOST_NOT_ALLOWED:
    'the host name of the request must be localhost, an IP address or a name in the variable ALLOWED_HOSTS: add the host name to that variable',
  ORIGIN_NOT_ALLOWED:
    'pages of other origins must not call this server: call it from its own origin or without a browser',
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
 * Creates a middleware that refuses requests which a page of another site sends through the browser
 * of a user. It checks three headers:
 * - `Host` must be an IP address, `localhost` or a name in `allowed`. This excludes a name that an
 *   attacker has pointed at this machine (DNS rebinding).
 * - `Origin`, if present, must have the host of the request or a host in `allowed`.
 * - `Sec-Fetch-Site`, if present, must not name another site, unless a link opens one of the pages.
 *
 * Clients that are not browsers send neither `Origin` nor `Sec-Fetch-Site`.
 */
export function refuseOtherSites(allowed: ReadonlySet<string>) {
  const isKnown = (name: string | undefined) =>
    name !== undefined && (name === 'localhost' || isAddress(name) || allowed.has(name))
  return createMiddleware(async (c, next) => {
    const host = c.req.header('host')
    // If the request line has a complete URL, the request names a second host, which must be
    // allowed too.
    if (!isKnown(nameIn(host)) || !isKnown(nameIn(new URL(c.req.url).host))) {
      throw refused('HOST_NOT_ALLOWED')
    }
    const origin = c.req.header('origin')
    const isAllowed = origin === undefined || isOfHost(origin, host) || allowed.has(nameOf(origin))
    const site = c.req.header('sec-fetch-site')
    const isOwn = site === undefined || OWN_SITE.has(site) || isLinkToPage(c)
    if (!isAllowed || !isOwn) {
      throw refused('ORIGIN_NOT_ALLOWED')
    }
    return next()
  })
}

/**
 * Returns whether a user opens a page in a tab, for example by the link of a shared program. A page
 * cannot set these headers. The page that has the link cannot read what it opens.
 */
function isLinkToPage({ req }: Context): boolean {
  const isTab =
    req.header('sec-fetch-mode') === 'navigate' && req.header('sec-fetch-dest') === 'document'
  return req.method === 'GET' && isTab && PAGES.has(req.path)
}

function refused(code: keyof typeof REFUSALS): Refusal {
  return new Refusal(403, code, REFUSALS[code])
}

function nameIn(host: string | undefined): string | undefined {
  const name = HOST.exec(host ?? '')?.groups?.name
  return name && canonical(name)
}

/**
 * Returns a host name in the form that is compared: in lower case, and without a dot at the end.
 */
function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

function isAddress(name: string): boolean {
  return isIP(name) !== 0 || (name.startsWith('[') && isIPv6(name.slice(1, -1)))
}

/** Returns whether an origin has the same name and port as the `Host` header. */
function isOfHost(origin: string, host: string | undefined): boolean {
  const from = webUrl(origin)
  // Parsed with the scheme of the origin, so that a default port equals an omitted port.
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

/**
 * Parses the origin of a web page. Returns `undefined` for an opaque origin (`null`) and for the
 * origin of a browser extension or a file.
 */
function webUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}
