import * as v from 'valibot'
import { FormFields, RunBody } from '../requests/run-schema.js'
import { schemaOf } from './describe.js'
import { Event } from './schemas.js'

const REQUEST = {
  language: 'python',
  code: 'import sys; print(sys.argv[1], input())',
  args: ['Hello'],
  stdin: 'Ada',
}

export const RUN_EXAMPLE = {
  stdout: 'Hello Ada\n',
  stderr: '',
  text: null,
  results: [],
  error: null,
  exitCode: 0,
  signal: null,
  killedBy: null,
  truncated: false,
  durationMs: 7.4,
  files: [],
  filesOmitted: 0,
  container: { name: 'sandbox_python_1.1_5f0c2a9e', runtime: 'runsc' },
}

const EVENTS = [
  { type: 'stdout', data: 'Hello Ada\n' },
  { type: 'exit', exitCode: 0, signal: null, durationMs: 7.4, truncated: false },
]

/** A form has the fields as text. Each of its files is one of `files`, under its file name. */
const Form = v.strictObject({ ...FormFields.entries, file: v.optional(v.array(v.blob())) })

const AS_JSON = { contentType: 'application/json' }

/** The body of a run: JSON or a form. */
export const RUN_BODY = {
  required: true,
  content: {
    'application/json': { schema: schemaOf(RunBody), example: REQUEST },
    'multipart/form-data': {
      schema: schemaOf(Form),
      encoding: { args: AS_JSON, env: AS_JSON, timeoutMs: AS_JSON },
    },
  },
}

/** A response with events, in the format that the client accepts. */
export const EVENT_RESPONSE = {
  description: 'The events of the program, one after the other. The last one is `exit` or `error`.',
  content: {
    'text/event-stream': {
      schema: { type: 'string' as const },
      example: EVENTS.map(
        (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
      ).join(''),
    },
    'application/x-ndjson': {
      schema: schemaOf(Event),
      example: EVENTS.map((event) => `${JSON.stringify(event)}\n`).join(''),
    },
  },
}
