import * as v from 'valibot'

const Count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** The body of each error response. */
export const ErrorAnswer = v.pipe(
  v.strictObject({
    error: v.strictObject({ code: v.string(), message: v.string() }),
  }),
  v.metadata({ ref: 'Error' }),
)

const Result = v.looseObject({ isMain: v.boolean() })
const CodeError = v.strictObject({ name: v.string(), message: v.string(), traceback: v.string() })
const KilledBy = v.picklist([
  'timeout',
  'oom',
  'pids',
  'output',
  'disk',
  'abort',
  'shutdown',
  'crash',
])

/** The answer of `POST /run`. */
export const RunAnswer = v.pipe(
  v.strictObject({
    stdout: v.string(),
    stderr: v.string(),
    text: v.nullable(v.string()),
    results: v.array(Result),
    error: v.nullable(CodeError),
    exitCode: v.nullable(v.number()),
    signal: v.nullable(v.string()),
    killedBy: v.nullable(KilledBy),
    truncated: v.boolean(),
    durationMs: v.number(),
    files: v.array(
      v.strictObject({ path: v.string(), mimeType: v.string(), size: Count, content: v.string() }),
    ),
    filesOmitted: v.nullable(Count),
    container: v.strictObject({ name: v.string(), runtime: v.string() }),
  }),
  v.metadata({ ref: 'Result' }),
)

const Usage = v.looseObject({ cpuMs: v.number() })

/** One event of a stream. */
export const Event = v.pipe(
  v.variant('type', [
    v.strictObject({ type: v.literal('stdout'), data: v.string() }),
    v.strictObject({ type: v.literal('stderr'), data: v.string() }),
    v.strictObject({ type: v.literal('result'), result: Result }),
    v.strictObject({ type: v.literal('heartbeat') }),
    v.strictObject({
      type: v.literal('exit'),
      exitCode: v.nullable(v.number()),
      signal: v.nullable(v.string()),
      durationMs: v.number(),
      usage: v.optional(Usage),
      truncated: v.boolean(),
      killedBy: v.optional(KilledBy),
      error: v.optional(CodeError),
      context: v.optional(v.picklist(['kept', 'lost'])),
      omittedResults: v.optional(Count),
    }),
    v.strictObject({ type: v.literal('error'), ...ErrorAnswer.entries }),
  ]),
  v.metadata({ ref: 'Event' }),
)

/** The answer of `GET /session/files`. */
export const FileList = v.pipe(
  v.strictObject({
    files: v.array(
      v.strictObject({
        path: v.string(),
        type: v.picklist(['file', 'directory', 'symlink', 'other']),
        size: Count,
        mtimeMs: v.number(),
      }),
    ),
    omitted: Count,
  }),
  v.metadata({ ref: 'FileList' }),
)

/** The answer of `GET /languages`. */
export const LanguageList = v.pipe(
  v.strictObject({
    languages: v.array(
      v.strictObject({
        name: v.string(),
        title: v.string(),
        version: v.nullable(v.string()),
        image: v.string(),
        runtime: v.nullable(v.string()),
      }),
    ),
  }),
  v.metadata({ ref: 'LanguageList' }),
)

/** The answer of the health routes. */
export const HealthAnswer = v.pipe(
  v.strictObject({
    status: v.picklist(['ok', 'unavailable']),
    languages: v.record(
      v.string(),
      v.strictObject({
        ready: Count,
        idle: Count,
        leased: Count,
        waiting: Count,
        runtime: v.optional(v.string()),
        image: v.string(),
        error: v.optional(v.string()),
      }),
    ),
  }),
  v.metadata({ ref: 'Health' }),
)
