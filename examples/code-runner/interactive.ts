import { upgradeWebSocket } from '@hono/node-server'
import type { Sandbox } from 'hono-sandbox'
import { websocketSandbox } from 'hono-sandbox/middleware'
import { responseLog } from './log.js'
import { parseRun } from './run-request.js'
import { placeFiles } from './run.js'

/**
 * Handles the WebSocket of an interactive run. The first message of the client is JSON, the same as
 * the body of `POST /run`.
 */
export const interactive = websocketSandbox(upgradeWebSocket, {
  program: async (message) => {
    const { language, code, files, ...options } = await parseRun(message)
    const prepare = async (sandbox: Sandbox) => {
      await placeFiles(sandbox, files)
      return options
    }
    return { language, code, options: prepare }
  },
  logger: responseLog,
  origins: () => true, // `guard()` has checked the origin.
})
