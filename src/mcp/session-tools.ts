import type { McpServer } from '@modelcontextprotocol/server'
import type { Host } from './host.js'
import type { inputsOf } from './inputs.js'
import { OUTPUTS } from './outputs.js'
import { McpSessions } from './sessions.js'
import { answering } from './tool-errors.js'

/** Adds the tools that start and end sessions. */
export function addSessionTools(
  server: McpServer,
  host: Host,
  inputs: ReturnType<typeof inputsOf>,
): void {
  const sessions = new McpSessions(host)
  const { sessionIdleMs: idleMs, sessionTtlMs: ttlMs } = host.bounds

  server.registerTool(
    'start_session',
    {
      title: 'Start a session',
      description:
        'Starts a session: a container that keeps its files and variables from one call to the ' +
        'next. Returns its id, which the other tools take. End it with end_session.',
      inputSchema: inputs.startSession,
      outputSchema: OUTPUTS.startSession,
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false },
    },
    answering(host, async ({ language }, { signal }) => {
      const session = await sessions.start(language, { signal })
      return {
        content: [{ type: 'text', text: `The session ${session} runs ${language}.` }],
        structuredContent: { session, language, idleMs, ttlMs },
      }
    }),
  )

  server.registerTool(
    'end_session',
    {
      title: 'End a session',
      description: 'Ends a session. Its files and variables are gone.',
      inputSchema: inputs.endSession,
      outputSchema: OUTPUTS.endSession,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
    },
    answering(host, async ({ session }) => {
      const ended = await sessions.end(session)
      const text = ended ? 'The session has ended.' : 'There is no session with this id.'
      return { content: [{ type: 'text', text }], structuredContent: { ended } }
    }),
  )
}
