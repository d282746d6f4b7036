import { SandboxClientError } from './client-error.js'

/** The parts of a `WebSocket` that the client uses. Browsers and the package `ws` have them. */
export interface WebSocketLike {
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number): void
  addEventListener(type: 'open' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { code: number }) => void): void
}

/** Opens a WebSocket of the platform. Node has one since version 22. */
export function openWebSocket(url: string): WebSocketLike {
  const Native = Reflect.get(globalThis, 'WebSocket')
  if (!Native) throw new SandboxClientError('invalid', 'there is no WebSocket: pass connect')
  return new Native(url)
}

/**
 * Listens for a page that goes into the back/forward cache: the browser freezes it, breaks its
 * connections, and may show it again. Returns a function that ends the listening.
 */
export function onFreeze(then: () => void): () => void {
  const listener = ({ persisted }: { persisted: boolean }) => persisted && then()
  const set = (call: string) => Reflect.get(globalThis, call)?.('pagehide', listener)
  set('addEventListener')
  return () => set('removeEventListener')
}
