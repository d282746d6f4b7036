import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { HttpBindings } from '@hono/node-server'
import { createMiddleware } from 'hono/factory'
import { parseJson } from 'hono-sandbox'
import * as v from 'valibot'
import { HeldBody } from './body.js'
import { FormReader } from './form.js'
import { LANGUAGES } from './languages.js'
import { BadRequest } from './refusal.js'

/** What the sandbox takes for code, arguments and variables together; more is refused before. */
const MAX_PROGRAM_BYTES = 8 * 1024 * 1024
const MAX_VARIABLES = 1000
const MAX_ARGUMENTS = 1000
/** Of one argument or variable. Linux starts no program with a longer one. */
const MAX_PLAIN_LENGTH = 128 * 1024
const SLICE = 64 * 1024
const QUOTES = 2
/** More than a correct request needs: a message of the schema is clearer than one about JSON. */
const JSON_LIMITS = { maxDepth: 10, maxNames: 3000, maxItems: 5000 }

/** What a name, an argument or a variable can be made of. */
const Plain = v.pipe(
  v.string(),
  v.maxLength(MAX_PLAIN_LENGTH, `at most ${MAX_PLAIN_LENGTH} characters`),
  v.check((text) => !/[\0\p{Surrogate}]/u.test(text), 'whole characters without NUL'),
)

/** Of a form's file, or base64. */
const Content = v.pipe(
  v.union([v.string(), v.instance(Buffer)]),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    if (typeof value !== 'string') return value
    const bytes = Buffer.from(value, 'base64')
    if (bytes.toString('base64') === value) return bytes
    addIssue({ message: 'base64', expected: 'base64' })
    return NEVER
  }),
)

const Variables = v.pipe(
  v.record(v.string(), v.string()),
  v.maxEntries(MAX_VARIABLES, `at most ${MAX_VARIABLES} variables`),
  v.record(v.pipe(Plain, v.regex(/^[^=]+$/, "a name without '='")), Plain),
)

const RunRequest = v.strictObject({
  language: v.picklist(LANGUAGES),
  code: v.string(),
  stdin: v.optional(v.string()),
  args: v.optional(
    v.pipe(
      v.array(v.unknown()),
      v.maxLength(MAX_ARGUMENTS, `at most ${MAX_ARGUMENTS} arguments`),
      v.array(Plain),
    ),
  ),
  env: v.optional(Variables),
  timeoutMs: v.optional(
    v.pipe(
      v.number(),
      v.integer('a whole number'),
      v.minValue(1, '1 or more'),
      v.maxValue(60_000, '60000 or less'),
    ),
    10_000,
  ),
  files: v.optional(
    v.pipe(
      v.array(v.unknown()),
      v.maxLength(100, 'at most 100 files'),
      v.array(
        v.strictObject({
          path: v.pipe(Plain, v.minLength(1, 'a path')),
          content: Content,
        }),
      ),
    ),
    [],
  ),
})

/** What a client asks for. */
export type RunRequest = v.InferOutput<typeof RunRequest>

/** What the check below needs, and what it leaves for the handler. */
export interface RunEnv {
  Bindings: HttpBindings
  Variables: { run: RunRequest }
}

let lastTurn: Promise<void> = Promise.resolve()

/** A turn of the event loop for this request alone: what many requests need must not add up in one. */
function ownTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn())
  return lastTurn
}

/**
 * Checks JSON text that asks for a run. What is wrong is named, what was sent is never repeated.
 *
 * @throws BadRequest
 */
export async function parseRun(text: string): Promise<RunRequest> {
  await ownTurn()
  const value = parseSmallJson(text, 'the body: expected JSON, not deep and without too many names')
  return checkRun(value)
}

/**
 * Parses JSON whose shape is small, however long its texts are.
 *
 * @throws BadRequest with the message.
 */
export function parseSmallJson(text: string, message: string): unknown {
  try {
    return parseJson(text, JSON_LIMITS)
  } catch {
    throw new BadRequest(message)
  }
}

/** Reads and checks the body of a run, JSON or a form, before a sandbox is leased. */
export const runRequest = createMiddleware<RunEnv>(async (c, next) => {
  const contentType = c.req.header('content-type') ?? ''
  const type = contentType.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json' && type !== 'multipart/form-data') {
    const message = 'send application/json or multipart/form-data'
    return c.json({ error: { code: 'UNSUPPORTED_MEDIA_TYPE', message } }, 415)
  }
  const body = new HeldBody()
  try {
    const { incoming } = c.env
    const isJson = type === 'application/json'
    c.set('run', isJson ? await readJson(body, incoming) : await readForm(body, incoming))
    await next()
  } finally {
    body.release()
  }
})

async function readJson(body: HeldBody, incoming: IncomingMessage): Promise<RunRequest> {
  const decoder = new TextDecoder()
  let text = ''
  await body.read(incoming, (piece) => {
    text += decoder.decode(piece, { stream: true })
  })
  return parseRun(text + decoder.decode())
}

/** A form has the fields of the JSON; each of its files is one of `files`, under its own name. */
async function readForm(body: HeldBody, incoming: IncomingMessage): Promise<RunRequest> {
  const form = new FormReader(incoming.headers['content-type'] ?? '')
  await body.read(incoming, (piece) => form.write(piece))
  const { fields, files } = await form.end()
  const values = Array.from(fields, ([name, text]): [string, unknown] => {
    return [name, AS_JSON.has(name) ? parseSmallJson(text, `${name}: expected JSON`) : text]
  })
  return checkRun({ files, ...Object.fromEntries(values) })
}

/** A form has only text: these are JSON in it. */
const AS_JSON: ReadonlySet<string> = new Set(['args', 'env', 'timeoutMs'])

/** In several turns of the event loop: none of them holds up the other requests for long. */
async function checkRun(input: unknown): Promise<RunRequest> {
  await ownTurn()
  const result = v.safeParse(RunRequest, input, { abortEarly: true })
  if (!result.success) throw new BadRequest(describe(result.issues[0]))
  await ownTurn()
  const { code, args = [], env = {} } = result.output
  if (jsonBytes([code, ...args, ...Object.entries(env).flat()]) <= MAX_PROGRAM_BYTES)
    return result.output
  throw new BadRequest(`code, args and env: expected at most ${MAX_PROGRAM_BYTES} bytes of JSON`)
}

/** How long the texts are as JSON, which may be six bytes a character. Stops soon after the limit. */
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
  // The field alone: what stands inside it was sent, also as a name.
  const [first] = issue.path ?? []
  const field = first && String(first.key) in RunRequest.entries ? String(first.key) : 'the body'
  if (issue.expected === 'never') return 'the body: has a field that this request does not have'
  if (issue.kind === 'validation') return `${field}: expected ${issue.message}`
  if (issue.received === 'undefined') return `${field}: is required`
  return `${field}: expected ${issue.expected}`
}
