import { validator } from 'hono/validator'
import * as v from 'valibot'

const WithoutNul = v.pipe(v.string(), v.excludes('\0', 'a string without NUL'))

const RunRequest = v.strictObject({
  language: v.picklist(['python', 'nodejs']),
  code: v.string(),
  stdin: v.optional(v.string()),
  args: v.optional(v.pipe(v.array(WithoutNul), v.maxLength(1000, 'at most 1000 arguments'))),
  env: v.optional(
    v.record(v.pipe(WithoutNul, v.regex(/^[^=]+$/, "a name without '='")), WithoutNul),
  ),
  timeoutMs: v.optional(
    v.pipe(
      v.number(),
      v.integer('a whole number'),
      v.minValue(1, '1 or more'),
      v.maxValue(60_000, '60000 or less'),
    ),
    10_000,
  ),
})

/** Checks the body of `POST /run`. What is wrong is named, what was sent is never repeated. */
export const runRequest = validator('json', (body, c) => {
  const result = v.safeParse(RunRequest, body)
  if (result.success) return result.output
  const message = describe(result.issues[0])
  return c.json({ error: { code: 'BAD_REQUEST', message } }, 400)
})

function describe(issue: v.BaseIssue<unknown>): string {
  // The field alone: what stands inside it was sent, also as a name.
  const [first] = issue.path ?? []
  const field = first && String(first.key) in RunRequest.entries ? String(first.key) : 'the body'
  if (issue.expected === 'never') return 'the body: has a field that this request does not have'
  if (issue.kind === 'validation') return `${field}: expected ${issue.message}`
  if (issue.received === 'undefined') return `${field}: is required`
  return `${field}: expected ${issue.expected}`
}
