import type { CallToolResult, ServerContext } from '@modelcontextprotocol/server'
import { errorBody } from '../../middleware/error-response.js'
import type { SandboxErrorCode } from '../errors.js'
import { SandboxError } from '../errors.js'
import type { Host } from './host.js'

const END_A_SESSION = 'End a session that is not needed any more with end_session.'
const START_ANOTHER = 'Start another session with start_session. Its files and variables are new.'

/** What a model can do about an error. */
const ADVICE: Readonly<Partial<Record<SandboxErrorCode, string>>> = {
  SANDBOX_CONTEXT_LOST: 'The variables of the session are lost, its files are not. Run it again.',
  SANDBOX_LEASE_ENDED: 'If the call was in a session, start another one with start_session.',
  SANDBOX_TENANT_LIMIT: END_A_SESSION,
  SANDBOX_TOO_MANY_SESSIONS: END_A_SESSION,
  SANDBOX_UNKNOWN_SESSION: START_ANOTHER,
}

/** Returns the text about an error for a model. It has no text that is meant for the operator. */
export function errorText(error: unknown, { report }: Host): string {
  report(error)
  if (!(error instanceof SandboxError)) return 'The server failed. Do not repeat the same call.'
  const { code, message } = errorBody(error).error
  const { retryAfterMs } = error
  const retry =
    retryAfterMs !== undefined && `Retry in ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s.`
  return [`${code}: ${message}`, ADVICE[code], retry].filter(Boolean).join('\n')
}

/** One call of a tool. */
export interface ToolCall {
  /** Aborts if the client cancels the call or leaves. */
  signal: AbortSignal
  context: ServerContext
}

/** Returns the handler of a tool. It answers with an error in place of throwing it. */
export function answering<Input>(
  host: Host,
  tool: (input: Input, call: ToolCall) => Promise<CallToolResult>,
): (input: Input, context: ServerContext) => Promise<CallToolResult> {
  return async (input, context) => {
    try {
      return await host.running.run(host, context.mcpReq, (signal) =>
        tool(input, { signal, context }),
      )
    } catch (error) {
      return { content: [{ type: 'text', text: errorText(error, host) }], isError: true }
    }
  }
}
