import { SandboxError } from '../../errors.js'
import type { FileOperation } from '../files/file-operation.js'

/** The longest line: the base64 of a chunk, and a path. */
const MAX_LINE_BYTES = 256 * 1024

/** Yields the lines of JSON that the agent sends, parsed. */
export async function* linesOf(operation: FileOperation): AsyncGenerator<unknown, void, undefined> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let rest = ''
  for (let bytes = await operation.next(); bytes; bytes = await operation.next()) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_BYTES) throw unreadable()
    for (const line of lines) yield parsed(line)
  }
}

/** Returns the error of an answer that does not follow the protocol. */
export function unreadable(cause?: unknown): SandboxError {
  const message = 'the agent sent an answer that cannot be parsed'
  return new SandboxError('SANDBOX_AGENT_FAILED', message, { cause })
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw unreadable(cause)
  }
}
