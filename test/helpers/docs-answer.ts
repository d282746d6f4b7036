import type { Block } from './docs.js'

/** The format of an answer, on a page and from a server. */
type Form = 'json' | 'jsonl' | 'sse' | 'text'

/** Returns the format of the answer in a block. */
export function formOf({ language, text }: Block): Form {
  if (language === 'json' || language === 'jsonl') return language
  return text.startsWith('event: ') ? 'sse' : 'text'
}

export const CONTENT_TYPES: Readonly<Record<Form, RegExp>> = {
  json: /^application\/json\b/,
  jsonl: /^application\/x-ndjson\b/,
  sse: /^text\/event-stream\b/,
  text: /^text\/plain\b/,
}

/** Parses an answer, and replaces the values that differ from run to run. */
export function readAnswer(form: Form, text: string): unknown {
  if (form === 'json') return stable(JSON.parse(text))
  if (form === 'jsonl') return joined(text.trim().split('\n'))
  if (form === 'text') return text.trimEnd()
  return joined(
    text
      .trim()
      .split('\n\n')
      .filter((event) => !event.startsWith(':'))
      .map((event) => {
        const [, type, data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? []
        if (type !== JSON.parse(data).type) throw new Error(`this is not an event: ${event}`)
        return data
      }),
  )
}

/** Joins adjacent events of one type, because a program's output may be split anywhere. */
function joined(lines: readonly string[]): unknown[] {
  const events: { type: string; data?: string }[] = []
  for (const line of lines) {
    const event: { type: string; data?: string } = JSON.parse(line)
    const last = events.at(-1)
    if (event.type === 'heartbeat') continue
    else if (last?.type === event.type) last.data = `${last.data}${event.data}`
    else events.push(event)
  }
  return events.map(stable)
}

const MEASURED = new Set(['durationMs', 'cpuMs', 'maxRssBytes', 'mtimeMs'])
/** The fields that differ on each machine or in each run. */
const PLACE = new Set(['name', 'runtime', 'image'])

/** Replaces the values that differ from run to run by their types. */
function stable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([key, field]) => {
    const differs = MEASURED.has(key) || PLACE.has(key)
    return [key, differs ? typeof field : stable(field)]
  })
  return Object.fromEntries(fields)
}
