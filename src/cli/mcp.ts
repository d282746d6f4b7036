import { parseArgs } from 'node:util'
import { SandboxError } from '../errors.js'
import { serveOnStdio } from '../mcp/stdio.js'
import { SandboxPool } from '../sandbox-pool.js'

const OPTIONS = {
  language: { type: 'string', multiple: true },
  runtime: { type: 'string' },
} as const

/**
 * Runs `hono-sandbox mcp`: an MCP server on stdin and stdout, with a pool of its own that has the settings
 * of the `SANDBOX_*` variables. It ends when the client closes stdin. Everything for the operator is
 * on stderr. Returns the exit code: 1 if no container starts, 2 for an invalid command line.
 */
export async function mcpServer(
  args: string[],
  { complain }: { complain: (line: string) => void },
): Promise<number> {
  const query = read(args)
  if (typeof query === 'string') {
    complain(`error: ${query}`)
    return 2
  }
  const over = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => over.abort())
  }
  const report = (error: unknown) =>
    complain(error instanceof SandboxError ? `${error.code}: ${error.message}` : String(error))
  const languages = Object.fromEntries(query.languages.map((language) => [language, {}]))
  try {
    // A model may forget to end its sessions.
    const pool = new SandboxPool({ languages, runtime: query.runtime, evictIdle: true })
    try {
      await start(pool)
      await serveOnStdio(pool, { report, signal: over.signal })
    } finally {
      await pool.close({ deadlineMs: 0 })
    }
    return 0
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    complain(`error: ${error.message}`)
    return 1
  }
}

/** Starts the pool. Throws the first error if no language has a container. */
async function start(pool: SandboxPool): Promise<void> {
  const reports = Object.values(await pool.start())
  const [error] = reports.flatMap(({ errors }) => errors)
  if (error && reports.every(({ ready }) => ready === 0)) throw error
}

/** Returns the parsed command line, or the problem with it. */
function read(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: OPTIONS })
    return { languages: values.language ?? ['python', 'nodejs'], runtime: values.runtime }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
