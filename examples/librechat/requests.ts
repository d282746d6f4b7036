import * as v from 'valibot'
import { parseJson } from 'hono-sandbox'
import { HTTPException } from 'hono/http-exception'
import { LANGUAGES } from './languages.js'

const MAX_NAME_LENGTH = 256
const MAX_DEPTH = 10
const MAX_FILES = 200
const MAX_ARGUMENTS = 1000
const MAX_ARGUMENT_LENGTH = 128 * 1024
/** A character that no argument and no file name of Linux can have. */
const NO_UTF8 = /[\0\p{Surrogate}]/u

/** A path below the working directory. */
const FileName = v.pipe(
  v.string('must be a string'),
  v.check(isPlainPath, 'must be a relative path without "." and ".."'),
)

const Argument = v.pipe(
  v.string('must be a string'),
  v.check((text) => text.length < MAX_ARGUMENT_LENGTH && !NO_UTF8.test(text), 'is no argument'),
)

/** A file of a session. Older versions of LibreChat send the id of the session in another field. */
const FileRef = v.pipe(
  v.object(
    {
      id: v.string('must be a string'),
      name: FileName,
      storage_session_id: v.optional(v.string('must be a string')),
      session_id: v.optional(v.string('must be a string')),
    },
    'must be an object with id and name',
  ),
  v.transform(({ id, name, storage_session_id, session_id }) => {
    return { id, name, session: storage_session_id ?? session_id ?? '' }
  }),
)

const Exec = v.object(
  {
    code: v.string('must be a string'),
    lang: v.pipe(
      v.string('must be a string'),
      v.toLowerCase(),
      v.check((lang) => LANGUAGES.has(lang), 'is not supported'),
    ),
    args: v.nullish(
      v.pipe(v.array(Argument, 'must be an array'), v.maxLength(MAX_ARGUMENTS, 'is too long')),
      [],
    ),
    files: v.nullish(
      v.pipe(v.array(FileRef, 'must be an array'), v.maxLength(MAX_FILES, 'is too long')),
      [],
    ),
    timeout: v.nullish(
      v.pipe(
        v.number('must be a number'),
        v.integer('must be whole'),
        v.minValue(1, 'is too small'),
      ),
    ),
  },
  'is required',
)

/** The body of `POST /exec`. */
export type Exec = v.InferOutput<typeof Exec>

/** Reads the body of `POST /exec`. @throws HTTPException with the status 400. */
export function readExec(text: string): Exec {
  const body = v.safeParse(Exec, jsonOf(text))
  if (body.success) return body.output
  const [{ path = [], message }] = body.issues
  const keys = path.map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
  throw new HTTPException(400, { message: `${keys.join('').slice(1) || 'the body'} ${message}` })
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    throw new HTTPException(400, { message: 'the body must be JSON' })
  }
}

function isPlainPath(name: string): boolean {
  const parts = name.split('/')
  return (
    name.length <= MAX_NAME_LENGTH &&
    parts.length <= MAX_DEPTH &&
    !NO_UTF8.test(name) &&
    !name.includes('\\') &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  )
}
