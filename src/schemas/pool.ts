import * as v from 'valibot'
import {
  Count,
  Milliseconds,
  Path,
  Positive,
  PositiveMilliseconds,
  Variable,
  WithoutNul,
} from './values.js'

/** What `acquire` takes. */
export const AcquireCall = v.strictObject({
  timeoutMs: v.optional(Milliseconds),
  signal: v.optional(v.instance(AbortSignal)),
})

/** What `createDockerEngine` takes. */
export const DockerSettings = v.strictObject({
  address: v.optional(v.string()),
  // A launch is three calls. The sweep of another server takes it for a stray after a minute.
  timeoutMs: v.optional(v.pipe(PositiveMilliseconds, v.maxValue(20_000, '20000 ms or less'))),
})

/** What `close` takes. */
export const CloseCall = v.strictObject({ deadlineMs: v.optional(Milliseconds) })

const Preload = v.array(v.pipe(WithoutNul, v.regex(/\S/, 'the name of a module')))

const FixedSize = v.pipe(v.number('a whole number, or { min, max }'), Count)
const Bounds = v.pipe(
  v.strictObject({ min: Count, max: Positive }),
  v.check(({ min, max }) => min <= max, 'a max that is not less than its min'),
)
/** One of two schemas and not their union, whose errors would name neither `min` nor `max`. */
const Size = v.lazy((size) => (typeof size === 'object' && size !== null ? Bounds : FixedSize))

/** What a built-in language of a pool takes. */
export const LanguageSettings = v.strictObject({
  size: v.optional(Size),
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
  size: v.optional(Size),
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
  maxPrograms: v.optional(Positive),
  openFiles: v.optional(v.pipe(v.number(), v.integer(), v.minValue(64))),
  workspaceSize: v.optional(v.string()),
  tmpSize: v.optional(v.string()),
  shmSize: v.optional(v.string()),
  network: v.optional(Path),
  seccompProfile: v.optional(Path),
  maxWaiting: v.optional(Count),
  startTimeoutMs: v.optional(PositiveMilliseconds),
  leaseTtlMs: v.optional(PositiveMilliseconds),
  launchConcurrency: v.optional(Positive),
})
