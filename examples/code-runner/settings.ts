import { randomBytes } from 'node:crypto'
import { readHosts } from './guards/other-sites.js'

/** The value of `CODE_RUNNER_WITHOUT_TOKEN` that lets every client run code. */
const WAIVER = 'anyone-may-run-code'
/** The form of a token in the header `Authorization` (RFC 6750), of at least 16 characters. */
const TOKEN = /^(?=.{16})[A-Za-z0-9._~+/-]+=*$/
const MIN_SECRET_LENGTH = 32
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/
const RATE_LIMIT = 600

/** The settings of the server, from its environment variables. */
export interface Settings {
  hostname: string
  port: number
  /** The engine of the sandboxes. */
  engine: 'docker' | 'kubernetes'
  /** The host names that requests may use besides `localhost` and IP addresses. */
  allowedHosts: ReadonlySet<string>
  /** The token that requests need; `undefined` if they need none. */
  token: string | undefined
  /** The key of the signatures of cookies. */
  secret: string
  /** The number of requests that a client may send in a minute; 0 means no limit. */
  rateLimit: number
  /** The number of trusted proxies before the server. */
  proxies: number
  /** The level of the log, which `setLogLevel()` checks. */
  logLevel: string
}

/**
 * Reads the settings.
 *
 * @throws Error if a variable is not valid, or if other machines could run code without a token.
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const hostname = env.HOST || '127.0.0.1'
  const token = env.CODE_RUNNER_TOKEN || undefined
  if (token !== undefined && !TOKEN.test(token)) {
    throw new Error(
      'CODE_RUNNER_TOKEN: expected at least 16 letters, digits or any of ._~+/- (for example the output of "openssl rand -hex 32")',
    )
  }
  const waiver = env.CODE_RUNNER_WITHOUT_TOKEN || undefined
  if (waiver !== undefined && waiver !== WAIVER) {
    throw new Error(`CODE_RUNNER_WITHOUT_TOKEN: expected ${WAIVER}`)
  }
  if (!token && !waiver && !LOOPBACK.test(hostname)) {
    throw new Error(
      `HOST is ${JSON.stringify(hostname)}, so other machines can reach this server: set CODE_RUNNER_TOKEN to a secret, or set CODE_RUNNER_WITHOUT_TOKEN=${WAIVER}`,
    )
  }
  const secret = env.CODE_RUNNER_SECRET || randomBytes(MIN_SECRET_LENGTH).toString('base64')
  if (secret.length < MIN_SECRET_LENGTH) {
    throw new Error(`CODE_RUNNER_SECRET: expected at least ${MIN_SECRET_LENGTH} characters`)
  }
  const engine = env.CODE_RUNNER_ENGINE || 'docker'
  if (engine !== 'docker' && engine !== 'kubernetes') {
    throw new Error('CODE_RUNNER_ENGINE: expected docker or kubernetes')
  }
  return {
    hostname,
    engine,
    port: wholeNumber(env, 'PORT', { fallback: 3000, max: 65_535 }),
    allowedHosts: readHosts(env.ALLOWED_HOSTS ?? ''),
    token,
    secret,
    rateLimit: wholeNumber(env, 'CODE_RUNNER_RATE_LIMIT', { fallback: RATE_LIMIT, max: 1_000_000 }),
    proxies: wholeNumber(env, 'CODE_RUNNER_PROXIES', { fallback: 0, max: 10 }),
    logLevel: env.LOG_LEVEL || 'warn',
  }
}

function wholeNumber(
  env: NodeJS.ProcessEnv,
  name: string,
  { fallback, max }: { fallback: number; max: number },
): number {
  const text = env[name] || String(fallback)
  if (/^\d+$/.test(text) && Number(text) <= max) return Number(text)
  throw new Error(`${name} is ${JSON.stringify(env[name])}, expected a number from 0 to ${max}`)
}
