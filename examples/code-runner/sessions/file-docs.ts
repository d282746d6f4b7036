import { describe, json } from '../api/describe.js'
import { FileList } from '../api/schemas.js'
import { SESSION_HEADERS } from './session-docs.js'

const TAGS = ['Files']
const BYTES = {
  'application/octet-stream': { schema: { type: 'string' as const, format: 'binary' } },
}

export const describeList = describe({
  operationId: 'listFiles',
  summary: 'Lists the files of the session: none if there is no session.',
  tags: TAGS,
  responses: {
    200: json('The first 1,000 entries, and the number of the others.', FileList, {
      files: [{ path: 'data/table.csv', type: 'file', size: 18, mtimeMs: 1793000000000.5 }],
      omitted: 0,
    }),
  },
  errors: [400, 413, 503],
})

export const describeGet = describe({
  operationId: 'readFile',
  summary: 'Sends a file of the session.',
  description: 'Supports ranges and conditions.',
  tags: TAGS,
  responses: {
    200: {
      description: 'The file. Its media type is that of its name.',
      content: { '*/*': BYTES['application/octet-stream'] },
    },
    206: { description: 'The part of the file in the header `Range`.' },
    304: { description: 'The client has the current file.' },
    416: { description: 'The file does not have the part in the header `Range`.' },
  },
  errors: [400, 404, 503],
})

export const describePut = describe({
  operationId: 'writeFile',
  summary: 'Writes a file of the session, and opens the session if there is none.',
  description: 'The file has at most 32 MiB. It appears when it is complete.',
  tags: TAGS,
  requestBody: { required: true, content: BYTES },
  responses: { 204: { description: 'The file is written.', headers: SESSION_HEADERS } },
  errors: [400, 408, 413, 503],
})

export const describeRemove = describe({
  operationId: 'removeFile',
  summary: 'Deletes a file or a folder of the session.',
  tags: TAGS,
  responses: { 204: { description: 'The file does not exist any more.' } },
  errors: [400, 404, 503],
})
