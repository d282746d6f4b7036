import { EventEmitter } from 'node:events'

/** The parts of a `WebSocket` of the package `ws` that a conversation needs. */
export interface Connection {
  readonly readyState: number
  readonly isPaused: boolean
  pause(): void
  resume(): void
  send(data: string, onSent: () => void): void
  close(code: number): void
  terminate(): void
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): unknown
}

/** The `readyState` of a connection that is open. */
export const OPEN = 1

/** The codes with which this server closes a connection. */
export const CloseCode = {
  /** The program has ended. */
  done: 1000,
  /** The program was killed, because the server shuts down. */
  goingAway: 1001,
  /** The client has sent a message that is not valid. */
  policyViolation: 1008,
  internalError: 1011,
  /** The server shuts down, and the program did not run. */
  serviceRestart: 1012,
} as const

const METHODS = ['pause', 'resume', 'send', 'close', 'terminate']

/** Returns whether the `raw` socket of Hono is one of the package `ws`. */
export function isConnection(raw: unknown): raw is Connection {
  return (
    raw instanceof EventEmitter &&
    METHODS.every((name) => typeof Reflect.get(raw, name) === 'function')
  )
}

/**
 * Sends a text. Resolves when it is written to the connection, or cannot be: an error is ignored,
 * because the connection closes after it.
 */
export function send(connection: Connection, text: string): Promise<void> {
  return new Promise((resolve) => {
    connection.send(text, () => resolve())
  })
}
