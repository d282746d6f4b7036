import { upgradeWebSocket } from '@hono/node-server'
import type { Sandbox } from 'hono-sandbox'
import { websocketSandbox } from 'hono-sandbox/middleware'
import { parseRun } from './run-request.js'
import { filesResult, placeFiles } from './run.js'

/**
 * Handles the WebSocket of an interactive run. The first message of the client is JSON, the same as
 * the body of `POST /run`.
 */
export const interactive = websocketSandbox(upgradeWebSocket, {
  program: async (message) => {
    const { language, code, files, collect, ...options } = await parseRun(message)
    let before: Awaited<ReturnType<typeof placeFiles>> = []
    const prepare = async (sandbox: Sandbox) => {
      before = await placeFiles(sandbox, files)
      return options
    }
    const atEnd = async (sandbox: Sandbox) => (collect ? filesResult(sandbox, before) : [])
    return { language, code, options: prepare, atEnd }
  },
  origins: () => true, // `guard()` has checked the origin.
})
