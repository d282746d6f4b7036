import { AsyncResource } from 'node:async_hooks'
import type { Context } from 'hono'
import type { SandboxPool } from '../src/sandbox-pool.js'
import { acquireFor } from './acquire.js'
import { readProgram } from './socket-program.js'
import type { Start } from './socket-run.js'
import type { WebsocketSandboxOptions } from './websocket-options.js'

/**
 * Returns the function that acquires a sandbox for the program of a first message, and starts it. It
 * runs in the async context of the request, which the messages of a WebSocket do not have: otherwise
 * a trace would end at the upgrade.
 */
export function starter(c: Context, pool: SandboxPool, acquiring: WebsocketSandboxOptions): Start {
  const { program: read = readProgram, language = 'python' } = acquiring
  const start: Start = async (message, signal) => {
    const program = await read(message, c)
    const fallback = typeof language === 'string' ? language : await language(c)
    const wanted = program.language ?? fallback ?? ''
    const sandbox = await acquireFor(c, { pool, language: wanted, signal }, acquiring)
    const release = () => void sandbox.release('aborted')
    // The lease ends with the conversation, even if the start of the program is still in progress.
    if (signal.aborted) release()
    signal.addEventListener('abort', release, { once: true })
    const atEnd = async () => program.atEnd?.(sandbox) ?? []
    if ('code' in program) {
      const { code, options = {} } = program
      const chosen = typeof options === 'function' ? await options(sandbox) : options
      return { sandbox, handle: sandbox.runCode(code, chosen), atEnd }
    }
    const { command, options = {} } = program
    const chosen = typeof options === 'function' ? await options(sandbox) : options
    return { sandbox, handle: sandbox.exec(command, chosen), atEnd }
  }
  return AsyncResource.bind(start)
}
