import * as v from 'valibot'
import { ContainerEntries } from './container.js'
import { Count, Milliseconds, Path, Positive, PositiveMilliseconds, WithoutNul } from './values.js'

const TENANT_LENGTH = 'a string of 1 to 200 characters'

/** The options of `acquire()`. */
export const AcquireCall = v.strictObject({
  timeoutMs: v.optional(Milliseconds),
  signal: v.optional(v.instance(AbortSignal)),
  tenant: v.optional(
    v.pipe(v.string(), v.minLength(1, TENANT_LENGTH), v.maxLength(200, TENANT_LENGTH)),
  ),
  leaseTtlMs: v.optional(PositiveMilliseconds),
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
export const Size = v.lazy((size) =>
  typeof size === 'object' && size !== null ? Bounds : FixedSize,
)

/** The options of a built-in language of a pool, without `base`. */
export const LanguageSettings = v.strictObject({
  size: v.optional(Size),
  max: v.optional(Positive),
  image: v.optional(Path),
  preload: v.optional(Preload),
  ...ContainerEntries,
})
