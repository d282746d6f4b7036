import * as v from 'valibot'
import { SandboxError } from './errors.js'
import { whyNotJson } from './json.js'

const LONGEST_TIMER_MS = 2 ** 31 - 1

const Milliseconds = v.pipe(
  v.number('milliseconds'),
  v.minValue(0, '0 ms or more'),
  v.maxValue(LONGEST_TIMER_MS, `${LONGEST_TIMER_MS} ms or less`),
)
const Count = v.pipe(
  v.number('a whole number'),
  v.integer('a whole number'),
  v.minValue(0, '0 or more'),
)
const Positive = v.pipe(
  v.number('a whole number'),
  v.integer('a whole number'),
  v.minValue(1, '1 or more'),
)
/** Half a character, but for those that stand for a byte of a file's name. */
const HALF_CHARACTER = /[\u{d800}-\u{dc7f}\u{dd00}-\u{dfff}]/u
const WithoutNul = v.pipe(
  v.string(),
  v.excludes('\0', 'a string without NUL'),
  v.check((text) => !HALF_CHARACTER.test(text), 'a string of whole characters'),
)
const Variable = v.pipe(WithoutNul, v.regex(/^[^=]+$/, "a name without '='"))

/** A path inside the sandbox. */
export const Path = v.pipe(WithoutNul, v.minLength(1))

/** A shell command, or a program and its arguments. */
export const ExecCommand = v.union([
  Path,
  v.pipe(v.array(WithoutNul), v.minLength(1, 'a program and its arguments')),
])

/** What a file or a program's stdin is made of. */
export const Content = v.union(
  [
    v.string(),
    v.instance(Uint8Array),
    v.instance(Blob),
    // Its pieces are checked as they come.
    v.custom<ReadableStream<string | Uint8Array>>((value) => value instanceof ReadableStream),
  ],
  'a string, bytes, a Blob or a ReadableStream',
)

/** A piece of a stream, and what is written into a program's stdin while it runs. */
export const Chunk = v.union([v.string(), v.instance(Uint8Array)], 'a string or bytes')

/** Linux's, whatever the host is. */
const SIGNALS =
  'SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 ' +
  'SIGPIPE SIGALRM SIGTERM SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ ' +
  'SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS'

/** A signal by its name. */
export const SignalName = v.picklist(SIGNALS.split(' '), 'the name of a signal')

export const Port = v.pipe(
  v.number('a port'),
  v.integer('a port'),
  v.minValue(1, '1 or more'),
  v.maxValue(65_535, '65535 or less'),
)

const Waiting = {
  timeoutMs: v.optional(Milliseconds),
  signal: v.optional(v.instance(AbortSignal)),
}
const Surroundings = {
  cwd: v.optional(Path),
  env: v.optional(v.record(Variable, v.optional(WithoutNul))),
}
/** What JSON.stringify() would lose in silence is refused. */
const Json = v.pipe(
  v.unknown(),
  v.rawCheck(({ dataset, addIssue }) => {
    const why = dataset.typed ? whyNotJson(dataset.value) : undefined
    if (why) addIssue({ message: `JSON; ${why}` })
  }),
)
const Callback = v.optional(v.function('a function'))

/** What `exec` takes. */
export const ExecCall = v.strictObject({
  ...Waiting,
  ...Surroundings,
  stdin: v.optional(Content),
  maxOutputBytes: v.optional(Positive),
  onStdout: Callback,
  onStderr: Callback,
  format: v.optional(v.picklist(['text', 'bytes'], "'text' or 'bytes'")),
})

const ContextName = v.union(
  [v.string(), v.custom<{ id: string }>(isNamed)],
  'a context of this sandbox, or its id',
)

/** What `runCode` takes. */
export const RunCall = v.strictObject({
  ...ExecCall.entries,
  args: v.optional(v.array(WithoutNul)),
  onResult: Callback,
  context: v.optional(ContextName),
})

const OfContext = v.optional(v.undefined("nothing: it is the context's"))

/** What `runCode` takes beside a context. */
export const RunInContext = v.strictObject({
  ...RunCall.entries,
  cwd: OfContext,
  env: OfContext,
  args: OfContext,
  stdin: OfContext,
})

/** What `deleteCodeContext` takes. */
export const ContextNamed = ContextName

/** What `createCodeContext` takes. */
export const ContextCall = v.strictObject({
  ...Waiting,
  ...Surroundings,
  name: v.optional(v.string()),
})

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** What `call` takes. */
export const CallCall = v.strictObject({
  ...Waiting,
  ...Surroundings,
  maxOutputBytes: v.optional(Positive),
  entry: v.optional(v.pipe(v.string(), v.regex(IDENTIFIER, "a function's name"))),
  args: v.optional(v.array(Json)),
  kwargs: v.optional(v.record(v.string(), Json)),
  schema: v.optional(v.custom<object>(isStandardSchema, 'a Standard Schema')),
})

/** What `startProcess` takes. */
export const StartCall = v.strictObject({
  ...Waiting,
  ...Surroundings,
  id: v.optional(v.pipe(v.string(), v.minLength(1))),
  maxLogBytes: v.optional(Positive),
})

/** What `waitForLog` looks for. */
export const LogPattern = v.union([v.string(), v.instance(RegExp)], 'a text or a RegExp')

/** What `waitForLog` and `waitForPort` take. */
export const WaitOptions = v.strictObject(Waiting)

/** What `readFile` takes. */
export const ReadCall = v.strictObject({
  ...Waiting,
  format: v.optional(v.picklist(['bytes', 'text', 'stream'], "'bytes', 'text' or 'stream'")),
  maxBytes: v.optional(Count),
  offset: v.optional(Count),
  length: v.optional(Count),
})

/** What `writeFile` takes. */
export const WriteCall = v.strictObject({
  ...Waiting,
  atomic: v.optional(v.boolean()),
  mode: v.optional(v.pipe(Count, v.maxValue(0o7777, 'permission bits'))),
})

/** What `writeFiles` takes. */
export const FilesToWrite = v.array(v.strictObject({ path: Path, content: Content }))

/** What `listFiles`, `mkdir` and `deleteFile` take. */
export const TreeCall = v.strictObject({ ...Waiting, recursive: v.optional(v.boolean()) })

/** What the other file calls take. */
export const FileCallWaiting = v.strictObject(Waiting)

/** What `collect` takes. */
export const CollectCall = v.strictObject({
  ...Waiting,
  glob: v.optional(v.union([Path, v.array(Path)], 'a pattern or several')),
  folder: v.optional(Path),
  maxFiles: v.optional(Count),
  maxBytes: v.optional(Count),
  since: v.optional(v.array(v.looseObject({ path: v.string() }))),
})

/** What `acquire` takes. */
export const AcquireCall = v.strictObject({
  timeoutMs: v.optional(Milliseconds),
  signal: v.optional(v.instance(AbortSignal)),
})

/** What `close` takes. */
export const CloseCall = v.strictObject({ deadlineMs: v.optional(Milliseconds) })

const Preload = v.array(v.pipe(WithoutNul, v.regex(/\S/, 'the name of a module')))

/** What a built-in language of a pool takes. */
export const LanguageSettings = v.strictObject({
  size: v.optional(Count),
  max: v.optional(Positive),
  image: v.optional(Path),
  preload: v.optional(Preload),
})

/** It is in containers' names and a key of objects. */
const LanguageName = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9_.-]{0,39}$/, 'small letters, digits, _, . and -, a letter first'),
  v.check((name) => !(name in LanguageSettingsOf || name in {}), 'a name that is not taken'),
)
const FileName = v.pipe(
  WithoutNul,
  v.regex(/^(?![-.]*$|-)[^/]{1,255}$/, 'the name of a file, without a folder'),
)
const Argv = v.pipe(
  v.array(WithoutNul),
  v.minLength(1, 'a program and its arguments'),
  v.check(([program = '']) => /^[^-]/.test(program), 'a program and its arguments'),
)
const LanguageSettingsOf = {
  python: v.optional(LanguageSettings),
  nodejs: v.optional(LanguageSettings),
  typescript: v.optional(LanguageSettings),
}

/** What `defineLanguage` takes and gives. */
export const DefinedLanguageSettings = v.strictObject({
  name: LanguageName,
  image: Path,
  agent: v.picklist(['python', 'nodejs'], "'python' or 'nodejs'"),
  file: FileName,
  compile: v.optional(Argv),
  run: Argv,
  env: v.optional(v.record(Variable, WithoutNul)),
  preload: v.optional(Preload),
  size: v.optional(Count),
  max: v.optional(Positive),
})
/** A name that is mistyped is no definition with a field missing. */
const Defined = v.pipe(
  v.custom<object>(
    (value) => typeof value === 'object' && value !== null && 'name' in value,
    'what defineLanguage() gives: it is not built in',
  ),
  DefinedLanguageSettings,
)

/** What a pool takes; `engine` is checked by its own type. */
export const PoolSettings = v.strictObject({
  languages: v.optional(v.objectWithRest(LanguageSettingsOf, v.optional(Defined))),
  engine: v.optional(v.custom<object>((value) => typeof value === 'object', 'an Engine')),
  runtime: v.optional(Path),
  memory: v.optional(v.string()),
  cpus: v.optional(v.pipe(v.number(), v.finite('a number'), v.minValue(0.01, '0.01 or more'))),
  pids: v.optional(v.pipe(v.number(), v.integer(), v.minValue(16))),
  openFiles: v.optional(v.pipe(v.number(), v.integer(), v.minValue(64))),
  workspaceSize: v.optional(v.string()),
  tmpSize: v.optional(v.string()),
  shmSize: v.optional(v.string()),
  network: v.optional(Path),
  seccompProfile: v.optional(Path),
  maxWaiting: v.optional(Count),
  leaseTtlMs: v.optional(Milliseconds),
  launchConcurrency: v.optional(Positive),
})

/** Not an object schema: those give a copy, and a context is known by itself. */
function isNamed(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
  )
}

function isStandardSchema(value: unknown): boolean {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    '~standard' in value
  )
}

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
