import { SandboxClientError } from './client-error.js'
import { checkLength } from './lines.js'

/** Takes a line of the stream, and returns the JSON of the event that it completes. */
type Format = (line: string) => string | undefined

const LINE_TYPES = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl'])

/**
 * Returns the format of a response by its content type.
 *
 * @throws SandboxClientError `invalid` if the response is no stream of events.
 */
export function formatOf({ headers, status }: Response, maxLength: number): Format {
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === 'text/event-stream') return serverSentEvents(maxLength)
  if (LINE_TYPES.has(type)) return (line) => line.trim() || undefined
  const message = `the response is ${type || 'without a content type'}, expected a stream of events`
  throw new SandboxClientError('invalid', message, { status })
}

/** The format of server-sent events: an empty line ends an event, and other fields are skipped. */
function serverSentEvents(maxLength: number): Format {
  let data: string | undefined
  return (line) => {
    if (line === '') {
      const whole = data
      data = undefined
      return whole
    }
    const [, value] = /^data(?:: ?(.*))?$/s.exec(line) ?? []
    if (value === undefined) return undefined
    data = data === undefined ? value : `${data}\n${value}`
    checkLength(data, maxLength)
    return undefined
  }
}
