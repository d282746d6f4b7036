import * as v from 'valibot'
import { SandboxError } from '../errors.js'

/**
 * Checks the options of a call against a schema and returns the parsed options.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`, with the name of the option and the expected kind
 * of value. The message does not contain the value, because the value may be user code or a secret.
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
  // A refused key of a record can be user data, too: the message contains only the path of the
  // record.
  const isKey = !isUnknown && !isMissing && keys.at(-1)?.origin === 'key'
  const path = (isKey ? keys.slice(0, -1) : keys).map(({ key }) => String(key)).join('.')
  const place = path === '' ? where : `${where}: ${path}`
  const problem = isUnknown
    ? 'is not an option'
    : isMissing
      ? 'is missing'
      : `is not valid, expected ${expectation(issue)}`
  throw new SandboxError('SANDBOX_INVALID_OPTION', `${place} ${problem}`)
}

/**
 * Returns the expected kind of value: the message of the schema if it has one. The default messages
 * of valibot are not used, because they contain the value.
 */
function expectation({ message, expected }: v.BaseIssue<unknown>): string {
  return message.startsWith('Invalid ') ? (expected ?? 'another value') : message
}
