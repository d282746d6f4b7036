import { isUtf8 } from 'node:buffer'
import * as v from 'valibot'
import { MAX_RECORD_BYTES } from '../../agent/protocol.js'
import { GrowingBuffer } from '../../util/growing-buffer.js'
import { measureJson, parseMeasured } from '../../util/json.js'

/** Something that the code showed: `display()`, a figure, the value of its last expression. */
export interface RichResult {
  /** Whether it is the value of the last expression. */
  isMain: boolean
  /** As the language shows it: `repr()`, `util.inspect()`. */
  text?: string
  html?: string
  markdown?: string
  svg?: string
  /** Base64. */
  png?: string
  /** Base64. */
  jpeg?: string
  latex?: string
  json?: unknown
  /** Representations that were too large. */
  omitted?: string[]
}

/** What the code threw and did not catch. */
export interface CodeError {
  /** `ValueError`, `TypeError`, ... */
  name: string
  message: string
  /** As the language prints it, in the file and the lines of the code. */
  traceback: string
}

const LENGTH_BYTES = 4
const Text = v.exactOptional(v.string())
/** The agents cut these to 30,000 characters and less. */
const Words = v.pipe(v.string(), v.maxLength(100_000))
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
})
const RunRecord = v.variant('type', [
  v.pipe(
    Result,
    v.transform(({ type, ...result }) => ({ type, result })),
  ),
  v.object({
    type: v.literal('error'),
    name: Words,
    message: Words,
    traceback: Words,
  }),
  v.object({ type: v.literal('value'), value: v.unknown() }),
  v.object({
    type: v.literal('refusal'),
    reason: v.picklist(['entry', 'value']),
    message: Words,
  }),
])
type RunRecord = v.InferOutput<typeof RunRecord>
type Refusal = Omit<Extract<RunRecord, { type: 'refusal' }>, 'type'>

/** A record with its length and what it costs; `undefined` for one that is none. */
interface Found {
  record: RunRecord | undefined
  size: number
  cost: number
}

/** After so many the code forges them: each takes as long as ten that can be read. */
const MAX_UNREADABLE = 100
/**
 * In nanoseconds, what a record takes from its bytes to the JSON of an answer (measured): the cost of its
 * structure, and so much for a byte, for an escape, and for half a character, which takes longest to
 * write: 4 MiB of them take 50 ms.
 */
const BYTE_COST = 10
const ESCAPE_COST = 20
const HALF_COST = 200
const MAX_RECORD_COST = 60_000_000

/**
 * Cuts stream 3 into records. The code can write there too: what makes no sense is passed over, and
 * after a length that makes none, or many records that make none, there is nothing more.
 */
export class RecordReader {
  /** The beginning of a length, or of a record. */
  #held = new GrowingBuffer()
  /** How long the record is; `undefined` before its length has come. */
  #length: number | undefined
  #unreadable = 0

  /** The records that are whole now. */
  read(bytes: Buffer): Found[] {
    const found: Found[] = []
    let rest = bytes
    while (rest.length > 0 && this.#unreadable < MAX_UNREADABLE) {
      const needed = this.#length ?? LENGTH_BYTES
      const part = rest.subarray(0, needed - this.#held.size)
      rest = rest.subarray(part.length)
      const whole = this.#wholeWith(part, needed)
      if (whole) found.push(...this.#take(whole))
    }
    return found
  }

  /** What is held and what comes next, if that completes it. It is not copied if it came at once. */
  #wholeWith(part: Buffer, needed: number): Buffer | undefined {
    if (part.length === needed) return part
    this.#held.push(part, needed)
    if (this.#held.size < needed) return undefined
    const whole = this.#held.bytes()
    this.#held = new GrowingBuffer()
    return whole
  }

  #take(whole: Buffer): Found[] {
    if (this.#length !== undefined) {
      this.#length = undefined
      const found = parse(whole)
      if (!found.record) this.#unreadable++
      return [found]
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

function parse(bytes: Buffer): Found {
  const size = bytes.length
  const none: Found = { record: undefined, size, cost: 0 }
  if (!isUtf8(bytes)) return none
  const text = bytes.toString()
  const structure = measureJson(text)
  const escapes = structure.escapes * ESCAPE_COST + structure.halves * HALF_COST
  const cost = structure.cost + size * BYTE_COST + escapes
  try {
    if (cost > MAX_RECORD_COST)
      throw new RangeError('the JSON has too many strings, names, items or escapes')
    const { success, output } = v.safeParse(RunRecord, parseMeasured(text, structure))
    return success ? { record: output, size, cost } : none
  } catch (error) {
    if (!(error instanceof RangeError) || !IS_VALUE.test(text)) return none
    // Whoever called the function is told why there is no value.
    const message = `the value is too large: ${error.message}`
    return { record: { type: 'refusal', reason: 'value', message }, size, cost: 0 }
  }
}

/** So many results are kept of a run, and so many bytes of them. */
const MAX_RESULTS = 100
export const MAX_RESULT_BYTES = 8 * 1024 * 1024
/** As MAX_RECORD_COST, of all results that are kept: `c.json(result)` writes them in one turn. */
const MAX_RESULTS_COST = 100_000_000

/** What a run has said beside its output, bounded. */
export class RunRecords {
  readonly results: RichResult[] = []
  /** Records that were none. */
  unreadable = 0
  /** Results that were not kept. */
  left = 0
  /** How many bytes of results are kept. */
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

  /** Gives the results that came whole, whether they are kept or not. */
  push(bytes: Buffer): RichResult[] {
    return this.#reader.read(bytes).flatMap((found) => this.#take(found))
  }

  #take({ record, size, cost }: Found): RichResult[] {
    if (!record) this.unreadable++
    else if (record.type === 'value') this.value = record
    else if (record.type === 'refusal') this.refusal = record
    else if (record.type === 'error') this.error = errorOf(record)
    else return this.#keep(record.result, size, cost)
    return []
  }

  #keep(result: RichResult, size: number, cost: number): RichResult[] {
    const isMuch = this.#size + size > this.limitBytes || this.#cost + cost > MAX_RESULTS_COST
    if (this.results.length >= MAX_RESULTS || isMuch) this.left++
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
