import { HTTPException } from 'hono/http-exception'
import * as v from 'valibot'
import { parseJson } from '../src/util/json.js'
import { Count } from '../src/schemas/values.js'

/** A message of a client is small, except for the input in it. */
const LIMITS = { maxDepth: 2, maxNames: 10, maxItems: 10 }
/** A message that opens or resumes a run is shorter, so longer texts are not parsed. */
const MAX_OPENING_LENGTH = 200

/** The first message of a client that can resume its run. */
const Opening = v.variant('type', [
  v.strictObject({ type: v.literal('open') }),
  v.strictObject({ type: v.literal('resume'), run: v.string(), after: Count }),
])
/** The first message of a client that can resume its run. */
export type Opening = v.InferOutput<typeof Opening>

const Message = v.variant('type', [
  v.strictObject({ type: v.literal('stdin'), data: v.string() }),
  v.strictObject({ type: v.literal('eof') }),
  v.strictObject({ type: v.literal('kill') }),
  v.strictObject({ type: v.literal('interrupt') }),
  v.strictObject({ type: v.literal('ack'), seq: Count }),
])
/** A text message after the program. A binary message is stdin. */
export type Message = v.InferOutput<typeof Message>

/** Returns the error of a message that is not valid. */
export function badMessage(message: string): HTTPException {
  return new HTTPException(400, { message })
}

/** Returns the opening in a first message; `undefined` if the message is the program itself. */
export function openingOf(data: unknown): Opening | undefined {
  if (typeof data !== 'string' || data.length > MAX_OPENING_LENGTH) return undefined
  try {
    const opening = v.safeParse(Opening, parseJson(data, LIMITS))
    return opening.success ? opening.output : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns a message after the first one.
 *
 * @throws HTTPException 400 if the message is not valid. The error does not quote it.
 */
export function messageOf(data: string): Message {
  const message = v.safeParse(Message, parse(data))
  if (message.success) return message.output
  throw badMessage('the message: expected stdin, eof, kill or interrupt')
}

function parse(data: string): unknown {
  try {
    return parseJson(data, LIMITS)
  } catch {
    throw badMessage('the message: expected JSON')
  }
}
