import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { RunRecords } from '../streams/records.js'
import type { CodeResult } from '../program/result.js'

/** The options of {@link Sandbox.call}. */
export interface CallOptions {
  /**
   * The name of the function to call.
   *
   * @default 'main'
   */
  entry?: string | undefined
  /**
   * The arguments of the function: JSON values.
   *
   * @default []
   */
  args?: readonly unknown[] | undefined
  /**
   * The keyword arguments of the function: JSON values. A JavaScript function gets them as one
   * object after its other arguments.
   */
  kwargs?: Readonly<Record<string, unknown>> | undefined
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string | undefined
  /** Environment variables for this call only. They are added to the variables of the container. */
  env?: Record<string, string | undefined> | undefined
  /**
   * The time limit of the call, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Ends the call when the signal aborts. The result then has `killedBy: 'abort'`. */
  signal?: AbortSignal | undefined
  /**
   * The maximum size of stdout and stderr together, in bytes. If the output exceeds it, the call is
   * killed with `killedBy: 'output'`.
   *
   * @default 1_048_576
   */
  maxOutputBytes?: number | undefined
}

/** The reason that a call has no value. */
export type CallFailure =
  /** The code or the function threw an error. The field `error` has the details. */
  | 'threw'
  /** The code does not define a function with the name that the option `entry` has. */
  | 'entry'
  /** The return value cannot be converted to JSON. */
  | 'value'
  /** The code ended its process. The field `exitCode` has the exit code. */
  | 'exited'
  /** The process was killed. The fields `killedBy` and `signal` have the reason. */
  | 'killed'
  /** The schema rejected the value. The field `issues` has the details. */
  | 'schema'

/**
 * The result of {@link Sandbox.call}: a value if `ok` is true, otherwise a reason and a message.
 */
export type CallResult<Value = unknown> = CodeResult &
  (
    | { ok: true; value: Value }
    | {
        ok: false
        reason: CallFailure
        /** A description of the failure. */
        message: string
        /** The issues that the schema reported, if the reason is `schema`. */
        issues?: readonly StandardSchemaV1.Issue[]
      }
  )

type Answer = { ok: true; value: unknown } | { ok: false; reason: CallFailure; message: string }

/**
 * Returns the result of a call: the value that its program sent, after the schema has validated it.
 */
export async function callResult<Schema extends StandardSchemaV1>(
  result: CodeResult,
  { value, refusal }: RunRecords,
  schema: Schema,
): Promise<CallResult<StandardSchemaV1.InferOutput<Schema>>> {
  const answer = answerOf(result, value, refusal)
  if (!answer.ok) return extended(result, answer)
  const checked = await schema['~standard'].validate(answer.value)
  if (!checked.issues) return extended(result, { ok: true, value: checked.value })
  const { issues } = checked
  const message = issues.map((issue) => issue.message).join('; ')
  return extended(result, { ok: false, reason: 'schema', message, issues })
}

/** Extends the result in place, because a copy would lose the getter `logs`. */
const extended = <Answer>(result: CodeResult, answer: Answer) => Object.assign(result, answer)

function answerOf(
  { killedBy, signal, exitCode, error }: CodeResult,
  value: RunRecords['value'],
  refusal: RunRecords['refusal'],
): Answer {
  const failed = (reason: CallFailure, message: string): Answer => ({ ok: false, reason, message })
  if (killedBy ?? signal) return failed('killed', `the call was killed: ${killedBy ?? signal}`)
  if (error) return failed('threw', `${error.name}: ${error.message}`)
  if (refusal) return failed(refusal.reason, refusal.message)
  return value
    ? { ok: true, value: value.value }
    : failed('exited', `the code exited with code ${exitCode} and returned no value`)
}
