import * as v from 'valibot'
import { Sandbox } from '../src/sandbox.js'

const LONGEST_TIMER_MS = 2 ** 31 - 1

const Count = v.pipe(
  v.number('a whole number'),
  v.integer('a whole number'),
  v.minValue(0, '0 or more'),
)
const Text = v.pipe(v.string(), v.minLength(1))
const Held = v.optional(v.instance(Sandbox, 'a Sandbox'))

const Limit = v.pipe(
  v.number('milliseconds'),
  v.minValue(1, '1 ms or more'),
  v.maxValue(LONGEST_TIMER_MS, `${LONGEST_TIMER_MS} ms or less`),
)

/** What `sandbox` takes. */
export const MiddlewareCall = v.strictObject({
  language: v.optional(
    v.custom<string | (() => unknown)>(
      (value) => typeof value === 'string' || typeof value === 'function',
      'the name of a language, or a function',
    ),
  ),
  pool: v.optional(v.custom<object>((value) => typeof value === 'object', 'a SandboxPool')),
  acquireTimeoutMs: v.optional(Count),
  stallTimeoutMs: v.optional(Limit),
  drainTimeoutMs: v.optional(Limit),
  onUnavailable: v.optional(v.function('a function')),
})

/** What `streamSandbox` takes. */
export const StreamCall = v.strictObject({
  heartbeatMs: v.optional(v.pipe(Count, v.maxValue(LONGEST_TIMER_MS))),
  onError: v.optional(v.function('a function')),
})

/** What `sendFile` takes. */
export const SendCall = v.strictObject({
  contentType: v.optional(Text),
  disposition: v.optional(v.picklist(['attachment', 'inline'], "'attachment' or 'inline'")),
  filename: v.optional(Text),
  sandbox: Held,
})

/** What `receiveFiles` takes. A limit that is not a number would be none. */
export const ReceiveCall = v.strictObject({
  path: v.optional(Text),
  folder: v.optional(Text),
  maxFiles: v.optional(Count),
  maxFileBytes: v.optional(Count),
  maxBytes: v.optional(Count),
  maxFields: v.optional(Count),
  maxFieldBytes: v.optional(Count),
  stallTimeoutMs: v.optional(Limit),
  sandbox: Held,
})
