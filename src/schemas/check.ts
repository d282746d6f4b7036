import * as v from 'valibot'
import { SandboxError } from '../errors.js'

/**
 * Checks options and names what is wrong.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`, with the option's name and what was expected. The
 * value is not repeated: it may be a program, or a secret.
 */
export function check<const Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
  where: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const isUnknown = issue.kind === 'schema' && issue.expected === 'never'
  const keys = issue.path ?? []
  const isMissing = issue.expected === JSON.stringify(keys.at(-1)?.key)
  // A record's name that is refused is a value as well: only where it stands is told.
  const isName = !isUnknown && !isMissing && keys.at(-1)?.origin === 'key'
  const path = (isName ? keys.slice(0, -1) : keys).map(({ key }) => String(key)).join('.')
  const what = path === '' ? where : `${where}: ${path}`
  const expected = isUnknown
    ? 'is not an option'
    : isMissing
      ? 'is missing'
      : `is not valid, expected ${expectation(issue)}`
  throw new SandboxError('SANDBOX_INVALID_OPTION', `${what} ${expected}`)
}

/** What was expected: in our words, where the schema has some; valibot's own repeat the value. */
function expectation({ message, expected }: v.BaseIssue<unknown>): string {
  return message.startsWith('Invalid ') ? (expected ?? 'another value') : message
}
