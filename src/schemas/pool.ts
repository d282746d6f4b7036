import * as v from 'valibot'
import { ContainerEntries } from './container.js'
import {
  Count,
  Milliseconds,
  Path,
  Positive,
  PositiveMilliseconds,
  Variables,
  WithoutNul,
} from './values.js'

/** The key of a tenant or a session. Its length is bounded, because the pool keeps it. */
const Key = v.pipe(
  v.string('a string of 1 to 200 characters'),
  v.minLength(1, 'a string of 1 to 200 characters'),
  v.maxLength(200, 'a string of 1 to 200 characters'),
)

/** The options of `acquire()`. */
export const AcquireCall = v.strictObject({
  timeoutMs: v.optional(Milliseconds),
  signal: v.optional(v.instance(AbortSignal)),
  tenant: v.optional(Key),
  leaseTtlMs: v.optional(PositiveMilliseconds),
  env: v.optional(Variables),
})

/** The id of a session. */
export const SessionId = Key

/** The options of `session()`. */
export const SessionCall = v.strictObject({
  ...AcquireCall.entries,
  sessionIdleMs: v.optional(PositiveMilliseconds),
  sessionTtlMs: v.optional(PositiveMilliseconds),
  sessionConcurrency: v.optional(Positive),
  sessionMustExist: v.optional(v.boolean()),
})

/** The second argument of `endSession()`. */
export const SessionChoice = v.strictObject({
  language: v.optional(v.string()),
  tenant: v.optional(Key),
})

/** The options of `createDockerEngine()`. */
export const DockerSettings = v.strictObject({
  address: v.optional(v.string()),
  // A launch makes three calls. The limit keeps a launch below one minute: after that time, the
  // sweep of another server removes a container that has not started.
  timeoutMs: v.optional(v.pipe(PositiveMilliseconds, v.maxValue(20_000, '20000 ms or less'))),
})

/** The options of `close()`. */
export const CloseCall = v.strictObject({ deadlineMs: v.optional(Milliseconds) })

/** The names of modules that an agent imports when its container starts. */
export const Preload = v.array(v.pipe(WithoutNul, v.regex(/\S/, 'the name of a module')))

const FixedSize = v.pipe(v.number('a whole number, or { min, max }'), Count)
const Bounds = v.pipe(
  v.strictObject({ min: Count, max: Positive }),
  v.check(({ min, max }) => min <= max, 'a max that is at least its min'),
)
/**
 * The schema of the size of a pool. It is not a union, because the errors of a union name neither
 * `min` nor `max`.
 */
const Size = v.lazy((size) => (typeof size === 'object' && size !== null ? Bounds : FixedSize))

/** The numbers of containers and sessions of a language. */
export const SizeEntries = {
  size: v.optional(Size),
  max: v.optional(Positive),
  maxSessions: v.optional(Count),
}

/** The options of a built-in language of a pool, without `base`. */
export const LanguageSettings = v.strictObject({
  ...SizeEntries,
  image: v.optional(Path),
  preload: v.optional(Preload),
  ...ContainerEntries,
})
