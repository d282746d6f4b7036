import * as v from 'valibot'
import { SandboxError } from '../errors.js'
import { whyNotJson } from '../util/json.js'
import { check } from './check.js'
import { Count, Milliseconds, NotEmpty, Path, Positive, Variables, WithoutNul } from './values.js'

/** A command: a string for the shell, or an array of a program and its arguments. */
export const ExecCommand = v.union([
  Path,
  v.pipe(v.array(WithoutNul), v.minLength(1, 'a program and its arguments')),
])

/** The content of a file, or the stdin of a program. */
export const Content = v.union(
  [
    v.string(),
    v.instance(Uint8Array),
    v.instance(Blob),
    // Streams of the web and of Node are async iterables. Their chunks are checked when they arrive.
    v.custom<AsyncIterable<string | Uint8Array>>(isAsyncIterable),
  ],
  'a string, bytes, a Blob, a stream or an async iterable',
)

/** A chunk of a stream, or of the stdin of a running program. */
export const Chunk = v.union([v.string(), v.instance(Uint8Array)], 'a string or bytes')

/** The signals of Linux. The list does not depend on the system of the host. */
const SIGNALS =
  'SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 ' +
  'SIGPIPE SIGALRM SIGTERM SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ ' +
  'SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS'

/** The name of a signal. */
export const SignalName = v.picklist(SIGNALS.split(' '), 'the name of a signal')

/** A TCP port. */
export const Port = v.pipe(
  v.number('a port'),
  v.integer('a port'),
  v.minValue(1, '1 or more'),
  v.maxValue(65_535, '65535 or less'),
)

const Cancellation = {
  timeoutMs: v.optional(Milliseconds),
  signal: v.optional(v.instance(AbortSignal)),
}
const Surroundings = {
  cwd: v.optional(Path),
  env: v.optional(Variables),
}
/** A value that JSON can represent. JSON.stringify() would drop other values without an error. */
const Json = v.pipe(
  v.unknown(),
  v.rawCheck(({ dataset, addIssue }) => {
    const why = dataset.typed ? whyNotJson(dataset.value) : undefined
    if (why) addIssue({ message: `JSON; ${why}` })
  }),
)
const Callback = v.optional(v.function('a function'))

/** The options of `exec()`. */
export const ExecCall = v.strictObject({
  ...Cancellation,
  ...Surroundings,
  stdin: v.optional(Content),
  maxOutputBytes: v.optional(Positive),
  onStdout: Callback,
  onStderr: Callback,
  format: v.optional(v.picklist(['text', 'bytes'], "'text' or 'bytes'")),
})

/** A context of the sandbox, or the id of a context. */
export const ContextName = v.union(
  [v.string(), v.custom<{ id: string }>(hasId)],
  'a context of this sandbox, or its id',
)

/** The options of `runCode()`. */
export const RunCall = v.strictObject({
  ...ExecCall.entries,
  args: v.optional(v.array(WithoutNul)),
  onResult: Callback,
  context: v.optional(ContextName),
})

const NotInContext = v.optional(v.undefined('no value: a run in a context cannot set it'))

/** The options of `runCode()` if the code runs in a context. */
export const RunInContext = v.strictObject({
  ...RunCall.entries,
  cwd: NotInContext,
  env: NotInContext,
  args: NotInContext,
  stdin: NotInContext,
})

/** The options of `createCodeContext()`. */
export const ContextCall = v.strictObject({
  ...Cancellation,
  ...Surroundings,
  name: v.optional(v.string()),
})

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** The options of `call()`. */
export const CallCall = v.strictObject({
  ...Cancellation,
  ...Surroundings,
  maxOutputBytes: v.optional(Positive),
  entry: v.optional(v.pipe(v.string(), v.regex(IDENTIFIER, 'the name of a function'))),
  args: v.optional(v.array(Json)),
  kwargs: v.optional(v.record(v.string(), Json)),
  schema: v.optional(v.custom<object>(isStandardSchema, 'a Standard Schema')),
})

/** The options of `startProcess()`. */
export const StartCall = v.strictObject({
  ...Cancellation,
  ...Surroundings,
  id: v.optional(NotEmpty),
  maxLogBytes: v.optional(Positive),
})

/** The text or pattern that `waitForLog()` waits for. */
export const LogPattern = v.union([v.string(), v.instance(RegExp)], 'a string or a RegExp')

/** The options of `waitForLog()` and `waitForPort()`. */
export const WaitOptions = v.strictObject(Cancellation)

/** The options of `readFile()`. */
export const ReadCall = v.strictObject({
  ...Cancellation,
  format: v.optional(v.picklist(['bytes', 'text', 'stream'], "'bytes', 'text' or 'stream'")),
  maxBytes: v.optional(Count),
  offset: v.optional(Count),
  length: v.optional(Count),
})

/** The options of `writeFile()`. */
export const WriteCall = v.strictObject({
  ...Cancellation,
  atomic: v.optional(v.boolean()),
  mode: v.optional(v.pipe(Count, v.maxValue(0o7777, 'permission bits'))),
})

/** The files that `writeFiles()` writes. */
export const FilesToWrite = v.array(v.strictObject({ path: Path, content: Content }))

/** The options of `listFiles()`, `mkdir()` and `deleteFile()`. */
export const TreeCall = v.strictObject({ ...Cancellation, recursive: v.optional(v.boolean()) })

/** The options of `exportWorkspace()` and `importWorkspace()`. */
export const ArchiveCall = v.strictObject({ ...Cancellation, maxBytes: v.optional(Count) })

/** The options of all other file calls. */
export const FileCallWaiting = v.strictObject(Cancellation)

/** The options of `collect()`. */
export const CollectCall = v.strictObject({
  ...Cancellation,
  glob: v.optional(v.union([Path, v.array(Path)], 'a pattern or several')),
  folder: v.optional(Path),
  maxFiles: v.optional(Count),
  maxBytes: v.optional(Count),
  since: v.optional(v.custom(isListing, 'the result of listFiles()')),
})

function isAsyncIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** Checks a listing without an array schema, because the schema takes 100 ms for 75,000 entries. */
function isListing(value: unknown): boolean {
  return Array.isArray(value) && value.every(hasPath)
}

function hasPath(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'path' in value && typeof value.path === 'string'
  )
}

/**
 * Checks a context without an object schema: a schema returns a copy, and contexts are found by
 * identity.
 */
function hasId(value: unknown): boolean {
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

/** Checks a command and returns its arguments. A string becomes a command of `/bin/sh`. */
export function argvOf(command: string | readonly string[], where: string): readonly string[] {
  const checked = check(ExecCommand, command, where)
  return typeof checked === 'string' ? ['/bin/sh', '-c', checked] : checked
}

/** Checks that the code is a string and returns it. */
export function codeOf(code: string, where: string): string {
  if (typeof code === 'string') return code
  throw new SandboxError(
    'SANDBOX_INVALID_OPTION',
    `${where}: the code is not valid, expected a string`,
  )
}
