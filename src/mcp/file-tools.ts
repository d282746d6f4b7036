import { posix } from 'node:path'
import type { CallToolResult, McpServer } from '@modelcontextprotocol/server'
import * as v from 'valibot'
import { SandboxError } from '../errors.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { Host } from './host.js'
import type { inputsOf } from './inputs.js'
import { isImage } from './left-files.js'
import type { ReadContent } from './outputs.js'
import { OUTPUTS } from './outputs.js'
import type { FileContent } from './read-content.js'
import { readContent } from './read-content.js'
import { uriOf } from './resource-uri.js'
import { McpSessions } from './sessions.js'
import { answering } from './tool-errors.js'

/** The time limit of a file call, in milliseconds. */
const FILE_MS = 30_000
/** The greatest number of entries of a listing. */
const MAX_ENTRIES = 500

const Base64 = v.pipe(v.string(), v.base64())

/** Adds the tools for the files of sessions. */
export function addFileTools(
  server: McpServer,
  host: Host,
  inputs: ReturnType<typeof inputsOf>,
): void {
  const { bounds } = host

  server.registerTool(
    'read_file',
    {
      title: 'Read a file',
      description:
        'Reads a file of a session: text in parts, an image as a picture, another binary file ' +
        'completely.',
      inputSchema: inputs.readFile,
      outputSchema: OUTPUTS.readFile,
      annotations: { readOnlyHint: true },
    },
    answering(host, async ({ session, path, offset }, { signal }) =>
      using(host, { session, signal }, async (box, call) => {
        const part = { path, offset, length: bounds.maxTextLength }
        return readResult(session, path, await readContent(box, part, bounds, call))
      }),
    ),
  )

  server.registerTool(
    'write_file',
    {
      title: 'Write a file',
      description: 'Writes a file of a session. Creates its folders, and replaces an old file.',
      inputSchema: inputs.writeFile,
      outputSchema: OUTPUTS.writeFile,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
    },
    answering(host, async ({ session, path, content, encoding }, { signal }) => {
      if (encoding === 'base64' && !v.is(Base64, content)) throw notBase64()
      const bytes = Buffer.from(content, encoding)
      return using(host, { session, signal }, async (box, call) => {
        await box.mkdir(posix.dirname(path), { recursive: true, ...call })
        await box.writeFile(path, bytes, { atomic: true, ...call })
        const text = `Wrote ${bytes.length} bytes to ${path}.`
        return answer(text, { path, size: bytes.length })
      })
    }),
  )

  server.registerTool(
    'list_files',
    {
      title: 'List files',
      description: 'Lists a folder of a session.',
      inputSchema: inputs.listFiles,
      outputSchema: OUTPUTS.listFiles,
      annotations: { readOnlyHint: true },
    },
    answering(host, async ({ session, path, recursive }, { signal }) =>
      using(host, { session, signal }, async (box, call) => {
        const found = await box.listFiles(path, { recursive, ...call })
        const entries = found
          .slice(0, MAX_ENTRIES)
          .map(({ path: name, type, size }) => ({ path: name, type, size }))
        const omitted = found.length - entries.length
        const lines = entries.map((entry) =>
          entry.type === 'file'
            ? `${entry.path} (${entry.size} bytes)`
            : `${entry.path} (${entry.type})`,
        )
        if (omitted > 0) lines.push(`${omitted} more entries`)
        return answer(lines.join('\n') || '[the folder is empty]', { entries, omitted })
      }),
    ),
  )
}

/** Uses the sandbox of a session for the file calls of one call of a tool. */
export async function using<Result>(
  host: Host,
  { session, signal }: { session: string; signal: AbortSignal },
  use: (box: Sandbox, call: { timeoutMs: number; signal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  const box = await new McpSessions(host).visit(session, { signal, timeoutMs: FILE_MS })
  try {
    return await use(box, { signal, timeoutMs: FILE_MS })
  } finally {
    box.release()
  }
}

function answer(text: string, structuredContent: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text }], structuredContent }
}

function readResult(session: string, path: string, file: FileContent): CallToolResult {
  const { size, mimeType, content } = file
  const about: ReadContent = { path, size, mimeType }
  if ('bytes' in content) {
    const data = content.bytes.toString('base64')
    const uri = uriOf(session, path)
    const block = isImage(mimeType)
      ? ({ type: 'image', data, mimeType } as const)
      : ({ type: 'resource', resource: { uri, mimeType, blob: data } } as const)
    return { content: [block], structuredContent: about }
  }
  const { text, nextOffset } = content
  if (nextOffset === undefined) return answer(text, { ...about, text })
  const note = `[the file has ${size} bytes: continue with offset ${nextOffset}]`
  return answer(`${text}\n${note}`, { ...about, text, nextOffset })
}

function notBase64(): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', 'write_file: content is not valid base64')
}
