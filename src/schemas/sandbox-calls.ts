import * as v from 'valibot'
import { SandboxError } from '../errors.js'
import { whyNotJson } from '../util/json.js'
import { check } from './check.js'
import { Count, Milliseconds, Path, Positive, Variable, WithoutNul } from './values.js'

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

/** A context of the sandbox. */
export const ContextName = v.union(
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
  since: v.optional(v.custom(isListing, 'what listFiles() gives')),
})

/** Not an array schema: for 75,000 entries that takes 100 ms. */
function isListing(value: unknown): boolean {
  return Array.isArray(value) && value.every(hasPath)
}

function hasPath(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'path' in value && typeof value.path === 'string'
  )
}

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

/** A command as it is executed: a string is for a shell. */
export function argvOf(command: string | readonly string[], where: string): readonly string[] {
  const checked = check(ExecCommand, command, where)
  return typeof checked === 'string' ? ['/bin/sh', '-c', checked] : checked
}

/** Code that is text, at least. */
export function codeOf(code: string, where: string): string {
  if (typeof code === 'string') return code
  throw new SandboxError('SANDBOX_INVALID_OPTION', `${where}: the code is not a string`)
}
