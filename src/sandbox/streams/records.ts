import { isUtf8 } from 'node:buffer'
import * as v from 'valibot'
import { MAX_RECORD_BYTES } from '../../agent/protocol.js'
import { GrowingBuffer } from '../../util/growing-buffer.js'
import { measureJson, parseMeasured } from '../../util/json.js'
import type { CodeError, RichResult } from './rich-result.js'

const LENGTH_BYTES = 4
const Text = v.exactOptional(v.string())
/** The agents send at most 20 notes of a little more than 1000 characters. */
const Notes = v.pipe(v.array(v.pipe(v.string(), v.maxLength(2000))), v.maxLength(20))
/** The text of an error. The agents truncate it to at most 30,000 characters. */
const ErrorText = v.pipe(v.string(), v.maxLength(100_000))
const Result = v.object({
  type: v.literal('result'),
  isMain: v.boolean(),
  text: Text,
  html: Text,
  markdown: Text,
  svg: Text,
  png: Text,
  jpeg: Text,
  latex: Text,
  json: v.exactOptional(v.unknown()),
  omitted: v.exactOptional(v.pipe(v.array(v.string()), v.maxLength(10))),
  notes: v.exactOptional(Notes),
})
const RunRecord = v.variant('type', [
  v.pipe(
    Result,
    v.transform(({ type, ...result }) => ({ type, result })),
  ),
  v.object({
    type: v.literal('error'),
    name: ErrorText,
    message: ErrorText,
    traceback: ErrorText,
  }),
  v.object({ type: v.literal('value'), value: v.unknown() }),
  v.object({
    type: v.literal('refusal'),
    reason: v.picklist(['entry', 'value']),
    message: ErrorText,
  }),
])
type RunRecord = v.InferOutput<typeof RunRecord>
type Refusal = Omit<Extract<RunRecord, { type: 'refusal' }>, 'type'>

/** A record that was read. */
interface ParsedRecord {
  /** `undefined` if the bytes are not a valid record. */
  record: RunRecord | undefined
  /** The length of the record in bytes. */
  size: number
  /** The processing time of the record in nanoseconds, as an estimate. */
  cost: number
}

/**
 * The reader ignores the stream after this many invalid records: only code that forges records
 * sends so many, and each one takes as long to reject as ten valid records take to parse.
 */
const MAX_UNREADABLE = 100
/**
 * The processing time of a record in nanoseconds (measured), from its bytes to the JSON of a
 * response. It is the cost of the structure, plus a cost for each byte, for each escape, and for
 * each escaped surrogate (half a character). Surrogates are the slowest to write: 4 MiB of them
 * take 50 ms.
 */
const BYTE_COST = 10
const ESCAPE_COST = 20
const SURROGATE_COST = 200
const MAX_RECORD_COST = 60_000_000

/**
 * Cuts stream 3 into records. The user's code can write to this stream too, so the reader skips
 * invalid records. After an invalid length, or after `MAX_UNREADABLE` invalid records, it ignores
 * all further bytes.
 */
export class RecordReader {
  /** The first bytes of a length or of a record that is not complete. */
  #partial = new GrowingBuffer()
  /** The length of the next record in bytes; `undefined` until the length has arrived. */
  #length: number | undefined
  #unreadable = 0

  /** Reads the next bytes of the stream and returns the records that these bytes complete. */
  read(bytes: Buffer): ParsedRecord[] {
    const records: ParsedRecord[] = []
    let rest = bytes
    while (rest.length > 0 && this.#unreadable < MAX_UNREADABLE) {
      const needed = this.#length ?? LENGTH_BYTES
      const part = rest.subarray(0, needed - this.#partial.size)
      rest = rest.subarray(part.length)
      const whole = this.#complete(part, needed)
      if (whole) records.push(...this.#take(whole))
    }
    return records
  }

  /**
   * Appends a part to the partial bytes and returns all of them if they are complete. Returns the
   * part itself, without a copy, if it is complete alone.
   */
  #complete(part: Buffer, needed: number): Buffer | undefined {
    if (part.length === needed) return part
    this.#partial.push(part, needed)
    if (this.#partial.size < needed) return undefined
    const whole = this.#partial.bytes()
    this.#partial = new GrowingBuffer()
    return whole
  }

  #take(whole: Buffer): ParsedRecord[] {
    if (this.#length !== undefined) {
      this.#length = undefined
      const parsed = parse(whole)
      if (!parsed.record) this.#unreadable++
      return [parsed]
    }
    const length = whole.readUInt32BE(0)
    if (length > 0 && length <= MAX_RECORD_BYTES) {
      this.#length = length
      return []
    }
    this.#unreadable = MAX_UNREADABLE
    return [{ record: undefined, size: 0, cost: 0 }]
  }
}

const IS_VALUE = /^\{\s*"type":\s*"value"/

function parse(bytes: Buffer): ParsedRecord {
  const size = bytes.length
  const invalid: ParsedRecord = { record: undefined, size, cost: 0 }
  if (!isUtf8(bytes)) return invalid
  const text = bytes.toString()
  const structure = measureJson(text)
  const escapes = structure.escapes * ESCAPE_COST + structure.halves * SURROGATE_COST
  const cost = structure.cost + size * BYTE_COST + escapes
  try {
    if (cost > MAX_RECORD_COST)
      throw new RangeError('the JSON has too many strings, names, items or escapes')
    // Only the first issue is reported: for a forged list, all issues would take seconds.
    const options = { abortEarly: true }
    const { success, output } = v.safeParse(RunRecord, parseMeasured(text, structure), options)
    return success ? { record: output, size, cost } : invalid
  } catch (error) {
    if (!(error instanceof RangeError) || !IS_VALUE.test(text)) return invalid
    // The record is the value of a function call: report to the caller why there is no value.
    const message = `the value is too large: ${error.message}`
    return { record: { type: 'refusal', reason: 'value', message }, size, cost: 0 }
  }
}

/** The maximum number of results that are kept of one run. */
const MAX_RESULTS = 100
/** The maximum size of all results that are kept of one run, in bytes. */
export const MAX_RESULT_BYTES = 8 * 1024 * 1024
/**
 * The maximum processing time of all results that are kept, in nanoseconds. `c.json(result)` writes
 * all of them in one turn of the event loop.
 */
const MAX_RESULTS_COST = 100_000_000

/** Collects the records of one run, up to the limits of number, size and processing time. */
export class RunRecords {
  readonly results: RichResult[] = []
  /** The number of invalid records. */
  unreadable = 0
  /** The number of results that were left out because they exceeded a limit. */
  omitted = 0
  /** The maximum size of all results that are kept, in bytes. */
  limitBytes: number
  error: CodeError | undefined
  value: { value: unknown } | undefined
  refusal: Refusal | undefined
  readonly #reader = new RecordReader()
  #size = 0
  #cost = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  /**
   * Reads the next bytes of the record stream. Returns the results that these bytes complete,
   * including the results that exceed a limit and are not kept.
   */
  push(bytes: Buffer): RichResult[] {
    return this.#reader.read(bytes).flatMap((parsed) => this.#take(parsed))
  }

  #take({ record, size, cost }: ParsedRecord): RichResult[] {
    if (!record) this.unreadable++
    else if (record.type === 'value') this.value = record
    else if (record.type === 'refusal') this.refusal = record
    else if (record.type === 'error') this.error = errorOf(record)
    else return this.#keep(record.result, size, cost)
    return []
  }

  #keep(result: RichResult, size: number, cost: number): RichResult[] {
    const isTooLarge = this.#size + size > this.limitBytes || this.#cost + cost > MAX_RESULTS_COST
    if (this.results.length >= MAX_RESULTS || isTooLarge) this.omitted++
    else {
      this.#size += size
      this.#cost += cost
      this.results.push(result)
    }
    return [result]
  }
}

function errorOf({ name, message, traceback }: CodeError): CodeError {
  return { name, message, traceback }
}
