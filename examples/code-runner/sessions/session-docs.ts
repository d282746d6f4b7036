import { describe, schemaOf } from '../api/describe.js'
import { EVENT_RESPONSE, RUN_BODY } from '../api/run-docs.js'
import { SessionChoice } from './session-of.js'

const TAGS = ['Sessions']

/** The headers with which a route tells about its session. */
export const SESSION_HEADERS = {
  'Sandbox-Session': {
    description: 'Whether the session begins with this request.',
    schema: { type: 'string' as const, enum: ['new', 'kept'] },
  },
  'Sandbox-Session-Lost': {
    description: 'The reason that the session before this one has ended.',
    schema: {
      type: 'string' as const,
      enum: ['idle', 'ttl', 'evicted', 'crash', 'oom', 'ended'],
    },
  },
}

export const describeCell = describe({
  operationId: 'runCell',
  summary: 'Runs a cell in the session of the browser, and sends its output while it runs.',
  description:
    'The variables stay for the next cell. The cells of a session run one after the other. A cell has no `stdin`, `args` and `env`.',
  tags: TAGS,
  requestBody: RUN_BODY,
  responses: {
    200: {
      ...EVENT_RESPONSE,
      headers: SESSION_HEADERS,
    },
  },
  errors: [400, 408, 413, 415, 503],
})

export const describeInterrupt = describe({
  operationId: 'interrupt',
  summary: 'Interrupts the cell that runs. The variables stay.',
  tags: TAGS,
  requestBody: {
    required: true,
    content: {
      'application/json': { schema: schemaOf(SessionChoice), example: { language: 'python' } },
    },
  },
  responses: { 204: { description: 'No cell runs, or it is interrupted.' } },
  errors: [400, 408, 413, 503],
})

export const describeEnd = describe({
  operationId: 'endSession',
  summary: 'Ends the session, with its variables and files.',
  tags: TAGS,
  responses: { 204: { description: 'There is no session now.' } },
  errors: [400, 503],
})
