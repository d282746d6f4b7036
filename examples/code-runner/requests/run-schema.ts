import * as v from 'valibot'
import { LanguageName } from './languages.js'

const MAX_VARIABLES = 1000
const MAX_ARGUMENTS = 1000
const MAX_FILES = 100
/**
 * The maximum length of one argument or variable. Linux does not start a program with a longer one.
 */
const MAX_PLAIN_LENGTH = 128 * 1024
/** The text of a file name, an argument or a variable. */
const Plain = v.pipe(
  v.string(),
  v.maxLength(MAX_PLAIN_LENGTH, `at most ${MAX_PLAIN_LENGTH} characters`),
  v.check(
    (text) => !/[\0\p{Surrogate}]/u.test(text),
    'text without NUL and without unpaired surrogates',
  ),
)

/** The content of a file in JSON. */
const Base64 = v.pipe(
  v.string(),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const bytes = Buffer.from(value, 'base64')
    if (bytes.toString('base64') === value) return bytes
    addIssue({ message: 'base64', expected: 'base64' })
    return NEVER
  }),
)

const FIELDS = {
  language: LanguageName,
  code: v.string(),
  stdin: v.optional(v.string()),
  args: v.optional(
    v.pipe(v.array(Plain), v.maxLength(MAX_ARGUMENTS, `at most ${MAX_ARGUMENTS} arguments`)),
  ),
  env: v.optional(
    v.pipe(
      v.record(v.pipe(Plain, v.regex(/^[^=]+$/, "a name without '='")), Plain),
      v.maxEntries(MAX_VARIABLES, `at most ${MAX_VARIABLES} variables`),
    ),
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
  /** Whether a stream has the files that the run made, as a result. */
  collect: v.optional(v.boolean(), false),
}

/** Returns the schema of files whose content has the given schema. */
function filesOf<Content extends v.GenericSchema<string | Buffer, Buffer>>(content: Content) {
  const file = v.strictObject({ path: v.pipe(Plain, v.minLength(1, 'a path')), content })
  return v.optional(v.pipe(v.array(file), v.maxLength(MAX_FILES, `at most ${MAX_FILES} files`)), [])
}

/** The body of a run as JSON. */
export const RunBody = v.pipe(
  v.strictObject({ ...FIELDS, files: filesOf(Base64) }),
  v.metadata({ ref: 'Run' }), // the name of the schema in the OpenAPI document
)

/** The body of a run as a form, after the form has been read. */
export const FormBody = v.strictObject({ ...FIELDS, files: filesOf(v.instance(Buffer)) })

/** The fields of a form that are not files. */
export const FormFields = v.strictObject(FIELDS)

/** A request to run code, after validation. */
export type RunRequest = v.InferOutput<typeof RunBody | typeof FormBody>
