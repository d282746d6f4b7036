import { createMiddleware } from 'hono/factory'
import type { Context } from 'hono'
import * as v from 'valibot'
import { LANGUAGES } from './languages.js'

/** What the sandbox takes for code, arguments and variables together; more is refused before. */
const MAX_PROGRAM_BYTES = 8 * 1024 * 1024

/** What a name, an argument or a variable can be made of. */
const Plain = v.pipe(
  v.string(),
  v.check((text) => !/[\0\p{Surrogate}]/u.test(text), 'whole characters without NUL'),
)

const isBase64 = (text: string) => Buffer.from(text, 'base64').toString('base64') === text

/** Of a form's file, or base64. */
const Content = v.pipe(
  v.union([v.pipe(v.string(), v.check(isBase64, 'base64')), v.instance(File)]),
  v.transform((content) =>
    typeof content === 'string' ? Buffer.from(content, 'base64') : content,
  ),
)

const RunRequest = v.pipe(
  v.strictObject({
    language: v.picklist(LANGUAGES),
    code: v.string(),
    stdin: v.optional(v.string()),
    args: v.optional(v.pipe(v.array(Plain), v.maxLength(1000, 'at most 1000 arguments'))),
    env: v.optional(v.record(v.pipe(Plain, v.regex(/^[^=]+$/, "a name without '='")), Plain)),
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
        v.array(
          v.strictObject({
            path: v.pipe(Plain, v.minLength(1, 'a path')),
            content: Content,
          }),
        ),
        v.maxLength(100, 'at most 100 files'),
      ),
      [],
    ),
  }),
  v.check(
    ({ code, args, env }) =>
      Buffer.byteLength(JSON.stringify([code, args, env])) <= MAX_PROGRAM_BYTES,
    `code, args and env of at most ${MAX_PROGRAM_BYTES} bytes`,
  ),
)

/** What a client asks for. */
export type RunRequest = v.InferOutput<typeof RunRequest>

/** What the check below leaves for the handler. */
export interface RunEnv {
  Variables: { run: RunRequest }
}

/** A request that is not what it should be, in words that repeat nothing of it. */
export class BadRequest extends Error {}

/** Checks what came as JSON. What is wrong is named, what was sent is never repeated. */
export function parseRun(input: unknown): RunRequest {
  const result = v.safeParse(RunRequest, input)
  if (result.success) return result.output
  throw new BadRequest(describe(result.issues[0]))
}

/** Reads and checks the body of a run, JSON or a form, before a sandbox is leased. */
export const runRequest = createMiddleware<RunEnv>(async (c, next) => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json' && type !== 'multipart/form-data') {
    const message = 'send application/json or multipart/form-data'
    return c.json({ error: { code: 'UNSUPPORTED_MEDIA_TYPE', message } }, 415)
  }
  c.set('run', parseRun(type === 'application/json' ? await readJson(c) : await readForm(c)))
  return next()
})

async function readJson(c: Context): Promise<unknown> {
  const text = await c.req.text()
  try {
    return JSON.parse(text)
  } catch {
    throw new BadRequest('the body is not valid JSON')
  }
}

/** A form has the fields of the JSON; each of its files is one of `files`, under its own name. */
async function readForm(c: Context): Promise<unknown> {
  const form = await c.req.formData().catch((error: unknown) => {
    if (error instanceof TypeError) throw new BadRequest('the body is not a valid form')
    throw error
  })
  const fields: [string, unknown][] = []
  const files: { path: string; content: File }[] = []
  for (const [name, value] of form) {
    if (typeof value !== 'string') files.push({ path: value.name, content: value })
    else fields.push([name, AS_JSON.has(name) ? parseField(name, value) : value])
  }
  return { files, ...Object.fromEntries(fields) }
}

/** A form has only text: these are JSON in it. */
const AS_JSON: ReadonlySet<string> = new Set(['args', 'env', 'timeoutMs'])

function parseField(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BadRequest(`${name}: expected JSON`)
  }
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
