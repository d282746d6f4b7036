import { serveStdio } from '@modelcontextprotocol/server/stdio'
import type { SandboxPool } from '../sandbox-pool.js'
import { boundsOf } from './bounds.js'
import type { Host } from './host.js'
import { RunningCalls } from './running-calls.js'
import { createServer } from './server.js'

/**
 * Serves the tools to the client on stdin and stdout, with the default bounds. Resolves when the
 * client has closed stdin, or the signal has aborted.
 */
export async function serveOnStdio(
  pool: SandboxPool,
  { report, signal }: Pick<Host, 'report'> & { signal: AbortSignal },
): Promise<void> {
  const host: Host = {
    pool,
    tenant: undefined,
    client: undefined,
    running: new RunningCalls(),
    bounds: boundsOf({}),
    report,
  }
  const over = new Promise<void>((resolve) => {
    for (const event of ['end', 'close']) process.stdin.once(event, resolve)
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const server = serveStdio(() => createServer(host))
  await over
  await server.close()
}
