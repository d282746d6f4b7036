import * as v from 'valibot'
import { check } from '../schemas/check.js'
import { Milliseconds, Positive, PositiveMilliseconds } from '../schemas/values.js'

/** The limits of an MCP server: what one call of a tool may use, and what a model gets of it. */
export interface McpBounds {
  /**
   * The time limit for the wait for a container, in milliseconds.
   *
   * @default 10_000
   */
  acquireTimeoutMs?: number | undefined
  /**
   * The time without a call after which a session ends, in milliseconds.
   *
   * @default 600_000
   */
  sessionIdleMs?: number | undefined
  /**
   * The greatest age of a session, in milliseconds.
   *
   * @default 3_600_000
   */
  sessionTtlMs?: number | undefined
  /**
   * The time limit of a program if the call names none, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * The greatest time limit that a call can name, in milliseconds.
   *
   * @default 120_000
   */
  maxTimeoutMs?: number | undefined
  /**
   * The greatest length of stdout, of stderr, of each other text of a result and of one answer of
   * `read_file`, in characters. A longer output keeps its beginning and its end.
   *
   * @default 20_000
   */
  maxTextLength?: number | undefined
  /**
   * The greatest size of all images of a result together, and of a binary file that is read, in
   * bytes.
   *
   * @default 1_048_576
   */
  maxBinaryBytes?: number | undefined
}

/** The bounds with their defaults. */
export type Bounds = Readonly<Record<keyof McpBounds, number>>

/** The schemas of the bounds, with their defaults. */
export const BoundEntries = {
  acquireTimeoutMs: v.optional(Milliseconds, 10_000),
  sessionIdleMs: v.optional(PositiveMilliseconds, 600_000),
  sessionTtlMs: v.optional(PositiveMilliseconds, 3_600_000),
  timeoutMs: v.optional(PositiveMilliseconds, 30_000),
  maxTimeoutMs: v.optional(PositiveMilliseconds, 120_000),
  maxTextLength: v.optional(Positive, 20_000),
  maxBinaryBytes: v.optional(Positive, 1_048_576),
}

/** Returns the bounds of options that may have further fields. */
export function boundsOf(options: McpBounds): Bounds {
  return check(v.object(BoundEntries), options, 'mcp')
}
