import type { IncomingMessage } from 'node:http'
import type { KubeConfig } from '@kubernetes/client-node'
import type { ClientOptions } from 'ws'
import { WebSocket } from 'ws'

/** The protocol of the streams that can end stdin alone. Servers from 1.30 speak it. */
export const HALF_CLOSE = 'v5.channel.k8s.io'
const PROTOCOLS = [HALF_CLOSE, 'v4.channel.k8s.io']

/** The greatest message of an API server. Messages have at most the size of its buffers: 32 KiB. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
/** The part of a refusal that is read. */
const MAX_REFUSAL_BYTES = 4096

/** The refusal of a connection, in the form of the refusal of a call. */
class RefusedConnection extends Error {
  constructor(
    readonly code: number,
    readonly body: string,
  ) {
    super(`the API server answered with status ${code}`)
  }
}

/**
 * Opens a WebSocket to a path of the API server. If the signal aborts, no connection stays open.
 *
 * The client of Kubernetes has an `Attach` of its own. It is not used, because it does not wait for
 * a slow reader, cannot be aborted, and hides the reason of a refusal.
 */
export async function connect(
  config: KubeConfig,
  path: string,
  onMessage: (message: Buffer) => void,
  signal: AbortSignal,
): Promise<WebSocket> {
  const options: ClientOptions = { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES }
  // Reads the token again, which expires.
  await config.applyToHTTPSOptions(options)
  signal.throwIfAborted()
  const server = config.getCurrentCluster()?.server ?? ''
  const socket = new WebSocket(`${server.replace(/^http/, 'ws')}${path}`, PROTOCOLS, options)
  const abort = () => socket.terminate()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await new Promise((resolve, reject) => {
      socket.on('message', (message) => {
        if (message instanceof Buffer) onMessage(message)
      })
      socket.once('open', () => resolve(socket))
      socket.once('unexpected-response', (_, response) => {
        void refusalOf(response)
          .then(reject)
          .finally(() => socket.terminate())
      })
      socket.on('error', (error) => reject(signal.aborted ? signal.reason : error))
    })
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function refusalOf(response: IncomingMessage): Promise<RefusedConnection> {
  let body = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      body += chunk
      if (body.length > MAX_REFUSAL_BYTES) break
    }
  } catch {
    // The part that has arrived may tell the reason.
  }
  return new RefusedConnection(response.statusCode ?? 0, body.slice(0, MAX_REFUSAL_BYTES))
}
