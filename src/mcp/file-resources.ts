import type { McpServer, ReadResourceResult } from '@modelcontextprotocol/server'
import { ProtocolError, ProtocolErrorCode, ResourceTemplate } from '@modelcontextprotocol/server'
import { using } from './file-tools.js'
import type { Host } from './host.js'
import { readContent, tooLarge } from './read-content.js'
import { FILE_TEMPLATE, fileOf } from './resource-uri.js'
import { errorText } from './tool-errors.js'

/** Adds the files of sessions as resources, for the links in results. */
export function addFileResources(server: McpServer, host: Host): void {
  // There is no list of resources: a listing would tell the ids of sessions.
  const template = new ResourceTemplate(FILE_TEMPLATE, { list: undefined })
  const about = { title: 'A file of a session', description: 'A file in /workspace of a session.' }
  server.registerResource('file', template, about, async (uri, _variables, { mcpReq }) => {
    try {
      return await read(uri, host, mcpReq.signal)
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, errorText(error, host))
    }
  })
}

async function read(uri: URL, host: Host, signal: AbortSignal): Promise<ReadResourceResult> {
  const file = fileOf(uri)
  if (!file) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'the URI has an invalid escape')
  }
  const { session, path } = file
  return using(host, { session, signal }, async (box, call) => {
    const { maxBinaryBytes: length } = host.bounds
    const part = { path, offset: 0, length }
    const { size, mimeType, content } = await readContent(box, part, host.bounds, call)
    const about = { uri: uri.href, mimeType }
    if ('bytes' in content) {
      return { contents: [{ ...about, blob: content.bytes.toString('base64') }] }
    }
    // A resource is always complete.
    if (content.nextOffset !== undefined) throw tooLarge(size, length)
    return { contents: [{ ...about, text: content.text }] }
  })
}
