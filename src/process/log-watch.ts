import { StringDecoder } from 'node:string_decoder'
import vm from 'node:vm'
import type { Deferred } from '../deferred.js'
import { deferred } from '../deferred.js'
import { SandboxError } from '../errors.js'

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

interface State {
  decoder: StringDecoder
  /** What there is of a line that is not finished. */
  line: string
  /** Where it is in what is to be looked at. */
  place: number | undefined
}

/** Looks at output, line by line, until one is what somebody waits for. */
export class LogWatch {
  readonly #pattern: string | RegExp
  readonly #streams = new Map<number, State>()
  readonly #found: Deferred<LogMatch> = deferred<LogMatch>()
  /** Lines that nobody has looked at. */
  #lines: string[] = []
  #triesLeft = MAX_TRIES
  #isOver = false

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

  push(stream: number, bytes: Buffer): void {
    if (this.#isOver) return
    const state = this.#streams.get(stream) ?? newState()
    this.#streams.set(stream, state)
    const [first = '', ...others] = state.decoder.write(bytes).split('\n')
    // Looked at together when all of this turn has come: to guard a pattern takes 0.1 ms.
    if (this.#lines.length === 0) queueMicrotask(() => this.#look())
    if (state.line.length < MAX_LINE_CHARACTERS) this.#add(state, state.line + first)
    for (const line of others) {
      state.place = undefined
      this.#add(state, line)
    }
  }

  /** A line that has become longer is looked at once. */
  #add(state: State, line: string): void {
    state.line = line.slice(0, MAX_LINE_CHARACTERS)
    state.place ??= this.#lines.length
    this.#lines[state.place] = state.line
  }

  #look(): void {
    try {
      const match = firstOf(this.#lines, this.#pattern)
      if (match) this.#found.resolve(match)
      this.#isOver = match !== undefined
    } catch (error) {
      this.#triesLeft--
      if (this.#triesLeft > 0) return void setImmediate(() => this.#look())
      this.#found.reject(error)
      this.#isOver = true
    }
    this.#lines = []
    for (const state of this.#streams.values()) state.place = undefined
  }
}

const newState = (): State => ({ decoder: new StringDecoder(), line: '', place: undefined })

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
  try {
    RUN.runInContext(context, { timeout: MAX_MATCH_MS })
  } catch (cause) {
    throw new SandboxError(
      'SANDBOX_INVALID_OPTION',
      `waitForLog: the pattern takes more than ${MAX_MATCH_MS} ms on the output of the process`,
      { suggestion: 'Wait for a text, or for a pattern with one `*` or `+` at most', cause },
    )
  }
  return answer.value
}
