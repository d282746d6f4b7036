import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { parseJson } from 'hono-sandbox'
import * as v from 'valibot'

/**
 * Decodes base64 as Python does with `validate=True`. With a long text, `v.base64()` overflows the
 * stack.
 */
const Code = v.pipe(
  v.string('Input should be a string'),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const bytes = Buffer.from(value, 'base64')
    try {
      if (bytes.toString('base64') === value) return decoder.decode(bytes)
    } catch {
      // the bytes are not UTF-8
    }
    addIssue({ message: 'Value error, Invalid base64 encoding of UTF-8' })
    return NEVER
  }),
)
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const Arguments = v.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'Input should be a valid dictionary',
)

const Run = v.object(
  {
    code_b64: Code,
    language: v.optional(
      v.picklist(['python', 'nodejs'], "Input should be 'python' or 'nodejs'"),
      'python',
    ),
    arguments: v.nullish(Arguments, {}),
  },
  'Field required',
)

/** The body of a request after validation. `code_b64` is the decoded code. */
export type Run = v.InferOutput<typeof Run>

interface RunInput {
  in: { json: v.InferInput<typeof Run> }
  out: { json: Run }
}

/** Validates the body of a request, for `c.req.valid('json')`. */
export const runRequest = createMiddleware<object, string, RunInput>(async (c, next) => {
  const body = await readJson(c)
  const run = v.safeParse(Run, body)
  if (!run.success) {
    const detail = run.issues.map(({ path = [], message }) => problem(keysOf(path), message))
    return c.json({ detail }, 422)
  }
  c.req.addValidatedData('json', run.output)
  await next()
})

/** The context of a route behind {@link runRequest}. */
export type RunContext = Parameters<typeof runRequest>[0]

/**
 * Returns the body, or `undefined` if it is not JSON. Other content types can come from web pages.
 */
async function readJson(c: Context): Promise<unknown> {
  if (!/^application\/json\b/i.test(c.req.header('content-type') ?? '')) return undefined
  try {
    return parseJson(await c.req.text())
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined
    throw error
  }
}

const keysOf = (path: readonly { key: unknown }[]) => path.map(({ key }) => String(key))

/** An entry of `detail` in an answer of FastAPI, without its `input`. */
function problem(path: readonly string[], msg: string) {
  return { type: 'value_error', loc: ['body', ...path], msg }
}
