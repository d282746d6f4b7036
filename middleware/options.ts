import * as v from 'valibot'
import { Count, Milliseconds, PositiveMilliseconds } from '../src/schemas/values.js'
import { Sandbox } from '../src/sandbox/sandbox.js'

const Text = v.pipe(v.string(), v.minLength(1))
const Held = v.optional(v.instance(Sandbox, 'a Sandbox'))

/** What `sandbox` takes. */
export const MiddlewareCall = v.strictObject({
  language: v.optional(
    v.custom<string | (() => unknown)>(
      (value) => typeof value === 'string' || typeof value === 'function',
      'the name of a language, or a function',
    ),
  ),
  pool: v.optional(v.custom<object>((value) => typeof value === 'object', 'a SandboxPool')),
  acquireTimeoutMs: v.optional(Milliseconds),
  stallTimeoutMs: v.optional(PositiveMilliseconds),
  drainTimeoutMs: v.optional(PositiveMilliseconds),
  onUnavailable: v.optional(v.function('a function')),
})

/** What `streamSandbox` takes. */
export const StreamCall = v.strictObject({
  heartbeatMs: v.optional(Milliseconds),
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
  stallTimeoutMs: v.optional(PositiveMilliseconds),
  sandbox: Held,
})
