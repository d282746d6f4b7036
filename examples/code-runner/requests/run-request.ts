import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { HttpBindings } from '@hono/node-server'
import { createMiddleware } from 'hono/factory'
import { parseJson } from 'hono-sandbox'
import * as v from 'valibot'
import { HeldBody, readText } from './body.js'
import { FormReader } from './form.js'
import { BadRequest, Refusal } from './refusal.js'
import type { RunRequest } from './run-schema.js'
import { FormBody, RunBody } from './run-schema.js'

/** The maximum size of code, arguments and variables together, as JSON. */
const MAX_PROGRAM_BYTES = 8 * 1024 * 1024
/** The number of characters that are converted to JSON at once, to measure their size. */
const SLICE = 64 * 1024
const QUOTES = 2
/**
 * The limits of the JSON parser. They are higher than the limits of the schema, because the errors
 * of the schema are clearer: they name the field.
 */
const JSON_LIMITS = { maxDepth: 10, maxNames: 3000, maxItems: 5000 }

/** The types of `runRequest`: the bindings that it needs, and the variables of its requests. */
export interface RunEnv {
  Bindings: HttpBindings
  Variables: {
    run: RunRequest
    /** Set by the handler if a repeated request can have the same answer: see `idempotent()`. */
    isComplete?: boolean
  }
}

/** The body of a run for a typed client. */
interface RunInput {
  in: { json: v.InferInput<typeof RunBody> }
  out: { json: RunRequest }
}

let lastTurn: Promise<void> = Promise.resolve()

/**
 * Resolves in a turn of the event loop that no other caller of this function gets, so that the work
 * of many requests does not add up in one turn.
 */
function ownTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn())
  return lastTurn
}

/**
 * Parses and validates the JSON text of a run request.
 *
 * @throws BadRequest if it is not valid. The message names the field and never quotes the text.
 */
export async function parseRun(text: string): Promise<RunRequest> {
  await ownTurn()
  const { maxDepth, maxNames, maxItems } = JSON_LIMITS
  const message = `the body: expected JSON with at most ${maxDepth} levels, ${maxNames} fields and ${maxItems} items`
  return checkRun(RunBody, parseSmallJson(text, message))
}

/**
 * Parses JSON that has few levels, fields and items. Its strings may be long.
 *
 * @throws BadRequest with the given message if the text is not JSON or exceeds a limit.
 */
function parseSmallJson(text: string, message: string): unknown {
  try {
    return parseJson(text, JSON_LIMITS)
  } catch {
    throw new BadRequest(message)
  }
}

/** A middleware that reads and validates the body of a run request, JSON or a form. */
export const runRequest = createMiddleware<RunEnv, string, RunInput>(async (c, next) => {
  const contentType = c.req.header('content-type') ?? ''
  const type = contentType.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json' && type !== 'multipart/form-data') {
    const message = 'send application/json or multipart/form-data'
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', message)
  }
  const body = new HeldBody()
  try {
    const { incoming } = c.env
    const isJson = type === 'application/json'
    c.set(
      'run',
      isJson ? await parseRun(await readText(body, incoming)) : await readForm(body, incoming),
    )
    await next()
  } finally {
    body.release()
  }
})

/**
 * Reads a form. A form has the same fields as the JSON. Each file of the form becomes an entry of
 * `files`, with its file name as the path.
 */
async function readForm(body: HeldBody, incoming: IncomingMessage): Promise<RunRequest> {
  const form = new FormReader(incoming.headers['content-type'] ?? '')
  await body.read(incoming, (piece) => form.write(piece))
  const { fields, files } = await form.end()
  const values = Array.from(fields, ([name, text]): [string, unknown] => {
    return [name, AS_JSON.has(name) ? parseSmallJson(text, `${name}: expected JSON`) : text]
  })
  return checkRun(FormBody, { files, ...Object.fromEntries(values) })
}

/** The fields whose value in a form is JSON, because a form has only text. */
const AS_JSON: ReadonlySet<string> = new Set(['args', 'env', 'timeoutMs', 'collect'])

/** Validates a run request in several turns of the event loop, so that no turn takes long. */
async function checkRun(
  schema: typeof RunBody | typeof FormBody,
  input: unknown,
): Promise<RunRequest> {
  await ownTurn()
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (!result.success) throw new BadRequest(describe(result.issues[0]))
  await ownTurn()
  const { code, args = [], env = {} } = result.output
  if (jsonBytes([code, ...args, ...Object.entries(env).flat()]) <= MAX_PROGRAM_BYTES)
    return result.output
  throw new BadRequest(`code, args and env: expected at most ${MAX_PROGRAM_BYTES} bytes of JSON`)
}

/**
 * Returns the size of the texts as JSON, in which a character can take six bytes. Stops to count
 * soon after `MAX_PROGRAM_BYTES`.
 */
function jsonBytes(texts: readonly string[]): number {
  let bytes = 0
  for (const text of texts) {
    for (let at = 0; at < text.length && bytes <= MAX_PROGRAM_BYTES; at += SLICE) {
      bytes += Buffer.byteLength(JSON.stringify(text.slice(at, at + SLICE))) - QUOTES
    }
  }
  return bytes
}

function describe(issue: v.BaseIssue<unknown>): string {
  // Name only the top-level field: the names inside it come from the client and must not be quoted.
  const [first] = issue.path ?? []
  const field = first && String(first.key) in RunBody.entries ? String(first.key) : 'the body'
  if (issue.expected === 'never') return 'the body: has an unknown field'
  if (issue.kind === 'validation') return `${field}: expected ${issue.message}`
  if (issue.received === 'undefined') return `${field}: is required`
  return `${field}: expected ${issue.expected}`
}
