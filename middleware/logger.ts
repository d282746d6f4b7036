import type { SandboxError } from '../src/errors.js'

/** A logger for the error responses of the middleware. `console` and a logger of pino are loggers. */
export interface SandboxLogger {
  /** Receives one line of text, which is meant for the operator. */
  warn(message: string): void
}

/** Writes an error to the logger. An error of the logger itself is dropped. */
export function logError(logger: SandboxLogger | undefined, { code, message }: SandboxError): void {
  try {
    logger?.warn(`${code}: ${message}`)
  } catch {
    // The client must get its response even if the log cannot be written.
  }
}
