import * as v from 'valibot'
import { Count, Milliseconds, Path, Positive, PositiveMilliseconds, WithoutNul } from './values.js'

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

export const Preload = v.array(v.pipe(WithoutNul, v.regex(/\S/, 'the name of a module')))

const FixedSize = v.pipe(v.number('a whole number, or { min, max }'), Count)
const Bounds = v.pipe(
  v.strictObject({ min: Count, max: Positive }),
  v.check(({ min, max }) => min <= max, 'a max that is not less than its min'),
)
/** One of two schemas and not their union, whose errors would name neither `min` nor `max`. */
export const Size = v.lazy((size) =>
  typeof size === 'object' && size !== null ? Bounds : FixedSize,
)

/** What a built-in language of a pool takes. */
export const LanguageSettings = v.strictObject({
  size: v.optional(Size),
  max: v.optional(Positive),
  image: v.optional(Path),
  preload: v.optional(Preload),
})
