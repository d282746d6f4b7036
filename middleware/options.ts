import * as v from 'valibot'
import {
  Count,
  Milliseconds,
  NotEmpty,
  Positive,
  PositiveMilliseconds,
} from '../src/schemas/values.js'
import { Sandbox } from '../src/sandbox/sandbox.js'

const SandboxOption = v.optional(v.instance(Sandbox, 'a Sandbox'))

/** The options of `sandbox()` and `websocketSandbox()`. */
const Acquiring = {
  language: v.optional(
    v.custom<string | (() => unknown)>(
      (value) => typeof value === 'string' || typeof value === 'function',
      'the name of a language, or a function',
    ),
  ),
  pool: v.optional(v.custom<object>((value) => typeof value === 'object', 'a SandboxPool')),
  acquireTimeoutMs: v.optional(Milliseconds),
  leaseTtlMs: v.optional(PositiveMilliseconds),
  session: v.optional(v.function('a function')),
  sessionIdleMs: v.optional(PositiveMilliseconds),
  sessionTtlMs: v.optional(PositiveMilliseconds),
  sessionConcurrency: v.optional(Positive),
  sessionMustExist: v.optional(v.boolean()),
  tenant: v.optional(v.function('a function')),
  env: v.optional(v.function('a function')),
  logger: v.optional(v.object({ warn: v.function('a function') })),
}

/** The options of `sandbox()`. */
export const MiddlewareCall = v.strictObject({
  ...Acquiring,
  stallTimeoutMs: v.optional(PositiveMilliseconds),
  drainTimeoutMs: v.optional(PositiveMilliseconds),
  onUnavailable: v.optional(v.function('a function')),
})

/** The first parameter of `websocketSandbox()`. */
export const UpgradeFunction = v.function('upgradeWebSocket of @hono/node-server')

/** The options of `websocketSandbox()`. */
export const WebsocketCall = v.strictObject({
  ...Acquiring,
  program: v.optional(v.function('a function')),
  origins: v.optional(
    v.union([v.function(), v.array(v.string())], 'a list of origins, or a function'),
  ),
  maxConversations: v.optional(Positive),
  firstMessageMs: v.optional(PositiveMilliseconds),
  keepMs: v.optional(Milliseconds),
  onError: v.optional(v.function('a function')),
})

/** The options of `signedSession()`. */
export const SignedSessionCall = v.strictObject({
  secret: v.pipe(v.string(), v.minLength(32, 'at least 32 characters')),
  name: v.optional(NotEmpty),
  secure: v.optional(v.boolean()),
  maxAge: v.optional(Count),
})

/** The options of `streamSandbox()`. */
export const StreamCall = v.strictObject({
  heartbeatMs: v.optional(Milliseconds),
  onError: v.optional(v.function('a function')),
  atEnd: v.optional(v.function('a function')),
})

/** The options of `sendFile()`. */
export const SendCall = v.strictObject({
  contentType: v.optional(NotEmpty),
  disposition: v.optional(v.picklist(['attachment', 'inline'], "'attachment' or 'inline'")),
  filename: v.optional(NotEmpty),
  sandbox: SandboxOption,
})

/**
 * The options of `receiveFiles()`. The numbers are checked, because no size exceeds a limit that is
 * not a number.
 */
export const ReceiveCall = v.strictObject({
  path: v.optional(NotEmpty),
  folder: v.optional(NotEmpty),
  maxFiles: v.optional(Count),
  maxFileBytes: v.optional(Count),
  maxBytes: v.optional(Count),
  maxFields: v.optional(Count),
  maxFieldBytes: v.optional(Count),
  stallTimeoutMs: v.optional(PositiveMilliseconds),
  sandbox: SandboxOption,
})
