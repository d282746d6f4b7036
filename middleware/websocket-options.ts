import type { Context } from 'hono'
import type { AcquiringOptions } from './acquire.js'
import type { SandboxOptions } from './sandbox-options.js'
import type { ReadProgram } from './socket-program.js'

/** The options of {@link websocketSandbox}. Those of `sandbox()` have the same meaning there. */
export interface WebsocketSandboxOptions
  extends AcquiringOptions, Pick<SandboxOptions, 'language' | 'pool' | 'logger'> {
  /**
   * Makes the program from the first message of the client, which is text. Throw an `HTTPException`
   * with a status below 500 if the message is not valid: the client gets its message.
   *
   * @default a function that takes `{ "code": "..." }` and `{ "command": "..." }`
   */
  program?: ReadProgram | undefined
  /**
   * The origins of the pages that may connect, such as `https://example.com`, or a function that
   * decides. A client without the header `Origin` is no page, and is not checked.
   *
   * @default the origin of the request itself
   */
  origins?: readonly string[] | ((origin: string, c: Context) => boolean) | undefined
  /**
   * The greatest number of connections of this route. Each one can need about 6 MiB: a message,
   * unread input and unread output. The runs without a connection have the same bound.
   *
   * @default 100
   */
  maxConversations?: number | undefined
  /**
   * The time limit for the first message, in milliseconds.
   *
   * @default 10_000
   */
  firstMessageMs?: number | undefined
  /**
   * The time for which a run goes on without its client, in milliseconds, if the client can resume
   * it. `0` means that no run can be resumed.
   *
   * @default 30_000
   */
  keepMs?: number | undefined
  /**
   * Called with the error that ends a conversation.
   *
   * @default console.error, for errors that are no SandboxError and are not the client's fault
   */
  onError?: ((error: unknown) => void) | undefined
}

/**
 * The options of the `WebSocketServer` for `websocketSandbox()`: it limits the size of a message to
 * 1 MiB, and the memory and the time that a message takes.
 *
 * @example
 * ```ts
 * import { WEBSOCKET_OPTIONS } from 'hono-sandbox/middleware'
 * import { WebSocketServer } from 'ws'
 *
 * const server = new WebSocketServer(WEBSOCKET_OPTIONS)
 * console.log(server.options.maxPayload)
 * ```
 */
export const WEBSOCKET_OPTIONS = {
  noServer: true,
  maxPayload: 1024 * 1024,
  // This is limited, because each part of an unfinished message needs memory in addition to its
  // bytes.
  maxFragments: 1024,
  maxBufferedChunks: 8192,
  // One packet can hold ten thousand messages. With `false`, each message has its own turn of the
  // event loop, and other connections are served in between.
  allowSynchronousEvents: false,
  // In milliseconds. A client that does not answer a close frame is disconnected after this time.
  closeTimeout: 5000,
}
