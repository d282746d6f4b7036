import { tryGetContext } from 'hono/context-storage'
import type { SandboxPool, SandboxPoolEvent } from 'hono-sandbox'
import { destination, pino, stdTimeFunctions } from 'pino'

type Level = 'warn' | 'info' | 'debug'

/** The level of each event. What a client causes is not a warning. */
const LEVELS: Readonly<Record<SandboxPoolEvent['type'], Level>> = {
  launchFailed: 'warn',
  removeFailed: 'warn',
  crashed: 'info',
  programEnded: 'info',
  refused: 'info',
  acquired: 'debug',
  ended: 'debug',
  launched: 'debug',
  removed: 'debug',
}

/** The log of this process: a JSON object in each line of stderr. */
export const log = pino(
  {
    level: 'warn',
    base: undefined,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    mixin: () => ({ requestId: requestId() }),
  },
  destination({ fd: 2, sync: true }),
)

/**
 * Sets the level of the log.
 *
 * @throws Error if the level does not exist.
 */
export function setLogLevel(level: string): void {
  if (level !== 'silent' && !(level in log.levels.values)) {
    const known = [...Object.keys(log.levels.values), 'silent'].join(', ')
    throw new Error(`LOG_LEVEL is ${JSON.stringify(level)}, expected one of ${known}`)
  }
  log.level = level
}

/** Receives the error responses of the middleware. */
export const responseLog = {
  warn: (message: string) => log.info({ event: 'errorResponse' }, message),
}

/**
 * Logs the events of a pool. The log then has the failures of the pool, and the process does not
 * emit them as warnings. The lines have only figures and names: no code, no output, no variables.
 */
export function logPool(pool: SandboxPool): void {
  pool.on('launchFailed', write).on('removeFailed', write)
  pool.on('event', (event) => {
    if (LEVELS[event.type] !== 'warn') write(event)
  })
}

function write(event: SandboxPoolEvent): void {
  const level = LEVELS[event.type]
  if (!log.isLevelEnabled(level)) return
  const { type, language } = event
  const line = { event: type, language, ...('name' in event && { container: event.name }) }
  if ('error' in event) log[level]({ ...line, code: event.error.code }, event.error.message)
  else log[level]({ ...line, ...figuresOf(event) })
}

function figuresOf(event: SandboxPoolEvent): object {
  switch (event.type) {
    case 'launched':
    case 'removed':
      return { tookMs: event.tookMs }
    case 'acquired':
      return { waitedMs: event.waitedMs }
    case 'ended':
      return { how: event.how, released: event.released, heldMs: event.heldMs }
    case 'programEnded': {
      const { call, exitCode, signal, killedBy, durationMs } = event
      return { call, exitCode, signal, killedBy, durationMs }
    }
    default:
      return {}
  }
}

/** The id of the request whose call caused the line; `undefined` without one. */
function requestId(): string | undefined {
  return tryGetContext<{ Variables: { requestId?: string } }>()?.get('requestId')
}
