import * as v from 'valibot'
import { MAX_RECORD_BYTES } from '../agent/protocol.js'
import { parseJson } from '../json.js'

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
    name: v.string(),
    message: v.string(),
    traceback: v.string(),
  }),
  v.object({ type: v.literal('value'), value: v.unknown() }),
  v.object({
    type: v.literal('refusal'),
    reason: v.picklist(['entry', 'value']),
    message: v.string(),
  }),
])
type RunRecord = v.InferOutput<typeof RunRecord>
type Refusal = Omit<Extract<RunRecord, { type: 'refusal' }>, 'type'>

/** A record with its length; `undefined` for one that is none. */
interface Found {
  record: RunRecord | undefined
  size: number
}

/**
 * Cuts stream 3 into records. The code can write there too: what makes no sense is passed over, and
 * after a length that makes none there is nothing more.
 */
export class RecordReader {
  #pieces: Buffer[] = []
  #size = 0
  #needed = LENGTH_BYTES
  #isBroken = false

  /** The records that are whole now. */
  read(bytes: Buffer): Found[] {
    const found: Found[] = []
    if (this.#isBroken) return found
    this.#pieces.push(bytes)
    this.#size += bytes.length
    while (this.#size >= this.#needed) {
      const [first = Buffer.alloc(0), ...more] = this.#pieces
      const all = more.length > 0 ? Buffer.concat(this.#pieces) : first
      const isLength = this.#needed === LENGTH_BYTES
      const length = isLength ? all.readUInt32BE(0) : this.#needed - LENGTH_BYTES
      if (isLength && (length > MAX_RECORD_BYTES || length === 0)) {
        this.#isBroken = true
        this.#pieces = []
        found.push({ record: undefined, size: 0 })
        return found
      }
      const record = isLength ? undefined : parse(all.subarray(LENGTH_BYTES, this.#needed))
      if (!isLength) found.push({ record, size: length })
      const rest = isLength ? all : all.subarray(this.#needed)
      this.#needed = isLength ? LENGTH_BYTES + length : LENGTH_BYTES
      this.#pieces = [rest]
      this.#size = rest.length
    }
    return found
  }
}

function parse(bytes: Buffer): RunRecord | undefined {
  try {
    const { success, output } = v.safeParse(RunRecord, parseJson(bytes.toString()))
    return success ? output : undefined
  } catch {
    return undefined
  }
}

/** So many results are kept of a run, and so many bytes of them. */
const MAX_RESULTS = 100
export const MAX_RESULT_BYTES = 16 * 1024 * 1024

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

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  /** Gives the results that came whole, whether they are kept or not. */
  push(bytes: Buffer): RichResult[] {
    return this.#reader.read(bytes).flatMap(({ record, size }) => this.#take(record, size))
  }

  #take(record: RunRecord | undefined, size: number): RichResult[] {
    if (!record) this.unreadable++
    else if (record.type === 'value') this.value = record
    else if (record.type === 'refusal') this.refusal = record
    else if (record.type === 'error') this.error = errorOf(record)
    else return this.#keep(record.result, size)
    return []
  }

  #keep(result: RichResult, size: number): RichResult[] {
    if (this.results.length >= MAX_RESULTS || this.#size + size > this.limitBytes) this.left++
    else {
      this.#size += size
      this.results.push(result)
    }
    return [result]
  }
}

function errorOf({ name, message, traceback }: CodeError): CodeError {
  return { name, message, traceback }
}
