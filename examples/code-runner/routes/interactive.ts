import { upgradeWebSocket } from '@hono/node-server'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { FileEntry, Sandbox, SandboxPool } from 'hono-sandbox'
import { websocketSandbox } from 'hono-sandbox/middleware'
import { describe } from '../api/describe.js'
import { responseLog } from '../operator/log.js'
import { Refusal } from '../requests/refusal.js'
import { parseRun } from '../requests/run-request.js'
import { filesResult, placeFiles } from './run-in-sandbox.js'

/**
 * The WebSocket of an interactive run, `GET /run/interactive`. The first message of the client is
 * JSON, the same as the body of `POST /run`.
 */
export function interactive(pool?: SandboxPool) {
  const conversation = websocketSandbox(upgradeWebSocket, {
    pool,
    program: async (message) => {
      const { language, code, files, collect, ...options } = await parseRun(message)
      let before: readonly FileEntry[] = []
      const prepare = async (sandbox: Sandbox) => {
        before = await placeFiles(sandbox, files)
        return options
      }
      const atEnd = async (sandbox: Sandbox) => (collect ? filesResult(sandbox, before) : [])
      return { language, code, options: prepare, atEnd }
    },
    logger: responseLog,
    origins: () => true, // `refuseOtherSites()` has checked the origin.
  })
  return new Hono<{ Bindings: HttpBindings }>().get(
    '/run/interactive',
    describe({
      operationId: 'runInteractive',
      summary: 'Runs a program in a conversation over a WebSocket.',
      description:
        'The first message is the body of `POST /run`. Then the client sends input, and gets the events of `POST /run/stream`.',
      tags: ['Runs'],
      responses: { 101: { description: 'The WebSocket is open.' } },
      errors: [426, 503],
    }),
    conversation,
    (): Response => {
      const headers = { Connection: 'Upgrade', Upgrade: 'websocket' }
      throw new Refusal(426, 'UPGRADE_REQUIRED', 'open a WebSocket to this path', headers)
    },
  )
}
