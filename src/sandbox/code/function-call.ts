import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { RunRecords } from '../streams/records.js'
import type { CodeResult } from '../program/result.js'

/** What {@link Sandbox.call} takes beside the code. */
export interface CallOptions {
  /**
   * The function that is called.
   *
   * @default 'main'
   */
  entry?: string | undefined
  /**
   * What it is called with: JSON values.
   *
   * @default []
   */
  args?: readonly unknown[] | undefined
  /** Its named arguments, JSON values; in JavaScript one object after the others. */
  kwargs?: Readonly<Record<string, unknown>> | undefined
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string | undefined
  /** Added to the container's own variables, for this call alone. */
  env?: Record<string, string | undefined> | undefined
  /**
   * How long this call may take, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Ends the call when it aborts; the result then says `killedBy: 'abort'`. */
  signal?: AbortSignal | undefined
  /**
   * How much may be printed, stdout and stderr together, in bytes.
   *
   * @default 1_048_576
   */
  maxOutputBytes?: number | undefined
}

/** Why a call gave no value. */
export type CallFailure =
  /** The code or the function threw; `error` has what. */
  | 'threw'
  /** There is no such function, or it is none. */
  | 'entry'
  /** What it gave is not JSON. */
  | 'value'
  /** The code ended its process, with `exitCode`. */
  | 'exited'
  /** `killedBy` or `signal` says by what. */
  | 'killed'
  /** The value is not what the schema wants; `issues` has why. */
  | 'schema'

/** What came of a call: a value, or why there is none. */
export type CallResult<Value = unknown> = CodeResult &
  (
    | { ok: true; value: Value }
    | {
        ok: false
        reason: CallFailure
        /** What went wrong, a sentence. */
        message: string
        issues?: readonly StandardSchemaV1.Issue[]
      }
  )

type Answer = { ok: true; value: unknown } | { ok: false; reason: CallFailure; message: string }

/** What a call's program has answered, and what the schema makes of it. */
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

/** In place: `logs` is a getter, which a copy would not have. */
const extended = <Answer>(result: CodeResult, answer: Answer) => Object.assign(result, answer)

function answerOf(
  { killedBy, signal, exitCode, error }: CodeResult,
  value: RunRecords['value'],
  refusal: RunRecords['refusal'],
): Answer {
  const failed = (reason: CallFailure, message: string): Answer => ({ ok: false, reason, message })
  if (killedBy ?? signal) return failed('killed', `it was ended: ${killedBy ?? signal}`)
  if (error) return failed('threw', `${error.name}: ${error.message}`)
  if (refusal) return failed(refusal.reason, refusal.message)
  return value
    ? { ok: true, value: value.value }
    : failed('exited', `the code has exited with ${exitCode} and gave no value`)
}
