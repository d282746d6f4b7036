import { StringDecoder } from 'node:string_decoder'
import vm from 'node:vm'
import type { Deferred } from '../../util/deferred.js'
import { deferred } from '../../util/deferred.js'
import { SandboxError } from '../../errors.js'
import { isTurnSpent, ownTurn, spend } from '../../util/loop-turn.js'

/** A line of output that was waited for. */
export interface LogMatch {
  line: string
  /** Of a pattern: what it matched, with its groups. */
  match?: RegExpExecArray
}

/** Of a longer line only so much is looked at: each of its pieces means to look again. */
const MAX_LINE_CHARACTERS = 4096

/**
 * How long a pattern may take for what came in one turn. A pattern such as `/.*a.*b/` takes half a
 * minute for one line that was made for it.
 */
const MAX_MATCH_MS = 50
/** A machine with much to do may need more than one try. */
const MAX_TRIES = 3

/** What is looked at together: to guard a pattern takes 0.1 ms each time. */
const BATCH_BYTES = 64 * 1024
/** Output comes no slower for a pattern that is slow: with more of it waiting, the watch is given up. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

const TOO_SLOW = `waitForLog: the pattern takes more than ${MAX_MATCH_MS} ms on the output of the process`
const TOO_FAST =
  'waitForLog: the output of the process comes faster than the pattern can look at it'

interface State {
  decoder: StringDecoder
  /** What there is of a line that is not finished. */
  line: string
  /** Where that is among the lines of a batch. */
  place: number | undefined
}

/** Looks at output, line by line, until one is what somebody waits for. */
export class LogWatch {
  readonly #pattern: string | RegExp
  readonly #streams = new Map<number, State>()
  readonly #found: Deferred<LogMatch> = deferred<LogMatch>()
  #pieces: { stream: number; bytes: Buffer }[] = []
  #waitingBytes = 0
  /** The lines of a batch that took too long. */
  #slow: string[] | undefined
  /** What was there at the start has come in no time at all. */
  #limitBytes = MAX_WAITING_BYTES
  #triesLeft = MAX_TRIES
  #isOver = false
  #looked: Deferred<void> | undefined

  constructor(pattern: string | RegExp) {
    // Without g and y: these make a pattern remember where it was.
    this.#pattern =
      pattern instanceof RegExp
        ? new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''))
        : pattern
    this.#found.promise.catch(() => {}) // whoever waits sees it
  }

  /**
   * Settles with the first line that it is.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if the pattern takes too long.
   */
  get found(): Promise<LogMatch> {
    return this.#found.promise
  }

  /** Settles when all that has come is looked at. */
  get looked(): Promise<void> {
    return this.#looked?.promise ?? Promise.resolve()
  }

  /** What there was before the watch. */
  replay(stream: number, bytes: Buffer): void {
    this.#limitBytes += bytes.length
    this.push(stream, bytes)
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#end(() => {})
  }

  push(stream: number, bytes: Buffer): void {
    if (this.#isOver || bytes.length === 0) return
    for (let at = 0; at < bytes.length; at += BATCH_BYTES) {
      this.#pieces.push({ stream, bytes: bytes.subarray(at, at + BATCH_BYTES) })
    }
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > this.#limitBytes) return this.#fail(TOO_FAST)
    if (this.#looked) return
    this.#looked = deferred<void>()
    queueMicrotask(() => void this.#look())
  }

  /** Batch after batch. When the time of a turn is spent, each has a turn of its own. */
  async #look(): Promise<void> {
    while (!this.#isOver && (this.#slow || this.#pieces.length > 0)) {
      if (isTurnSpent()) await ownTurn()
      const began = performance.now()
      this.#lookAt(this.#slow ?? this.#batch())
      spend(began)
    }
    this.#looked?.resolve()
    this.#looked = undefined
  }

  #lookAt(lines: string[]): void {
    this.#slow = undefined
    try {
      const match = firstOf(lines, this.#pattern)
      this.#triesLeft = MAX_TRIES
      if (match) this.#end(() => this.#found.resolve(match))
    } catch (error) {
      this.#slow = lines
      this.#triesLeft--
      if (this.#triesLeft === 0) this.#fail(TOO_SLOW, error)
    }
  }

  /** Lines of the next pieces. One that has become longer meanwhile is there once. */
  #batch(): string[] {
    const lines: string[] = []
    let count = 0
    for (let size = 0; count < this.#pieces.length && size < BATCH_BYTES; count++) {
      const { stream, bytes } = this.#pieces[count] ?? { stream: 0, bytes: Buffer.alloc(0) }
      size += bytes.length
      this.#waitingBytes -= bytes.length
      this.#split(stream, bytes, lines)
    }
    this.#pieces = this.#pieces.slice(count)
    for (const state of this.#streams.values()) state.place = undefined
    return lines
  }

  #split(stream: number, bytes: Buffer, lines: string[]): void {
    const state = this.#streams.get(stream) ?? newState()
    this.#streams.set(stream, state)
    const [first = '', ...others] = state.decoder.write(bytes).split('\n')
    if (state.line.length < MAX_LINE_CHARACTERS) add(state, state.line + first, lines)
    for (const line of others) {
      state.place = undefined
      add(state, line, lines)
    }
  }

  #end(settle: () => void): void {
    this.#isOver = true
    this.#pieces = []
    settle()
  }

  #fail(why: string, cause?: unknown): void {
    const suggestion = 'Wait for a text, or for a pattern with one `*` or `+` at most'
    const error = new SandboxError('SANDBOX_INVALID_OPTION', why, { suggestion, cause })
    this.#end(() => this.#found.reject(error))
  }
}

const newState = (): State => ({ decoder: new StringDecoder(), line: '', place: undefined })

function add(state: State, line: string, lines: string[]): void {
  state.line = line.slice(0, MAX_LINE_CHARACTERS)
  state.place ??= lines.length
  lines[state.place] = state.line
}

function firstOf(lines: readonly string[], pattern: string | RegExp): LogMatch | undefined {
  if (typeof pattern === 'string') {
    const line = lines.find((each) => each.includes(pattern))
    return line === undefined ? undefined : { line }
  }
  return inTime(() => {
    for (const line of lines) {
      const match = pattern.exec(line)
      if (match) return { line, match }
    }
    return undefined
  })
}

const RUN = new vm.Script('run()')
let context: vm.Context | undefined

/** Only the timeout of a script ends a regular expression that does not come to an end. */
function inTime<T>(work: () => T): T | undefined {
  const answer: { value?: T } = {}
  context ??= vm.createContext({})
  context.run = () => {
    answer.value = work()
  }
  RUN.runInContext(context, { timeout: MAX_MATCH_MS })
  return answer.value
}
