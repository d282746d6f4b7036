import { StringDecoder } from 'node:string_decoder'
import vm from 'node:vm'
import type { Deferred } from '../../util/deferred.js'
import { deferred } from '../../util/deferred.js'
import { SandboxError } from '../../errors.js'
import { isTurnSpent, ownTurn, spend } from '../../util/loop-turn.js'

/** The result of {@link SandboxProcess.waitForLog}: the first line of output that matches. */
export interface LogMatch {
  line: string
  /** The match of the regular expression, with its groups; absent if the pattern is a string. */
  match?: RegExpExecArray
}

/**
 * The number of characters of a line that are searched. It is limited, because an unfinished line is
 * searched again each time that more of it arrives.
 */
const MAX_LINE_CHARACTERS = 4096

/**
 * The time limit of a regular expression for one batch of lines. A pattern such as `/.*a.*b/` can
 * take half a minute for one line made by an attacker.
 */
const MAX_MATCH_MS = 50
/**
 * The number of tries of a batch. A batch is searched again after a timeout, because on a busy machine
 * the time can end before the pattern has run. After `MIN_TRIES` the watch fails if the process has used
 * `MAX_CPU_MS` of processor time in the tries, and after `MAX_TRIES` in any case.
 */
const MIN_TRIES = 3
const MAX_TRIES = 10
const MAX_CPU_MS = 100

/** The size of a batch. To run a pattern with a time limit costs 0.1 ms, once for each batch. */
const BATCH_BYTES = 64 * 1024
/**
 * The maximum number of bytes that wait to be searched. A slow pattern does not slow down the
 * process, so the watch fails if the output exceeds this.
 */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

const TOO_SLOW = `waitForLog: the pattern takes more than ${MAX_MATCH_MS} ms on the output of the process`
const TOO_FAST =
  'waitForLog: the process writes output faster than the pattern can be searched for in it'

/** The state of one stream: its decoder and its last line, which may be unfinished. */
interface StreamState {
  decoder: StringDecoder
  /** The start of the last line, up to `MAX_LINE_CHARACTERS`. */
  line: string
  /** The index of that line in the current batch; `undefined` if the batch does not have it. */
  index: number | undefined
}

/** Searches the output of a process, line by line, for the first line that matches a pattern. */
export class LogWatch {
  readonly #pattern: string | RegExp
  readonly #streams = new Map<number, StreamState>()
  readonly #found: Deferred<LogMatch> = deferred<LogMatch>()
  /** The output that waits to be searched. */
  #pieces: { stream: number; bytes: Buffer }[] = []
  #waitingBytes = 0
  /** The lines of a batch that exceeded the time limit. They are searched again. */
  #slow: string[] | undefined
  /**
   * The limit of the waiting bytes. Replayed output arrives all at once, so it raises the limit.
   */
  #limitBytes = MAX_WAITING_BYTES
  /** The tries of the current batch that have timed out, and their processor time. */
  #tries = 0
  #cpuMs = 0
  #isOver = false
  #idle: Deferred<void> | undefined

  constructor(pattern: string | RegExp) {
    // Without the flags g and y: they make a pattern continue at the end of its last match.
    this.#pattern =
      pattern instanceof RegExp
        ? new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''))
        : pattern
    this.#found.promise.catch(() => {}) // a caller of `found` gets the error; there may be none yet
  }

  /**
   * Resolves to the first line that matches.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if the pattern takes too long.
   */
  get found(): Promise<LogMatch> {
    return this.#found.promise
  }

  /** Resolves when all output that has arrived was searched. */
  get idle(): Promise<void> {
    return this.#idle?.promise ?? Promise.resolve()
  }

  /** Searches output that the process wrote before the watch started. */
  replay(stream: number, bytes: Buffer): void {
    this.#limitBytes += bytes.length
    this.push(stream, bytes)
  }

  /** Stops the search. `found` does not settle then. */
  stop(): void {
    this.#end(() => {})
  }

  /** Searches the next output of the process. */
  push(stream: number, bytes: Buffer): void {
    if (this.#isOver || bytes.length === 0) return
    for (let at = 0; at < bytes.length; at += BATCH_BYTES) {
      this.#pieces.push({ stream, bytes: bytes.subarray(at, at + BATCH_BYTES) })
    }
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > this.#limitBytes) return this.#fail(TOO_FAST)
    if (this.#idle) return
    this.#idle = deferred<void>()
    queueMicrotask(() => void this.#searchAll())
  }

  /**
   * Searches batch after batch. Each batch gets its own turn if the time of the turn is used up.
   */
  async #searchAll(): Promise<void> {
    while (!this.#isOver && (this.#slow || this.#pieces.length > 0)) {
      if (isTurnSpent()) await ownTurn()
      const began = performance.now()
      this.#search(this.#slow ?? this.#nextBatch())
      spend(began)
    }
    this.#idle?.resolve()
    this.#idle = undefined
  }

  #search(lines: string[]): void {
    this.#slow = undefined
    const before = process.cpuUsage()
    try {
      const match = firstOf(lines, this.#pattern)
      this.#cpuMs = 0
      this.#tries = 0
      if (match) this.#end(() => this.#found.resolve(match))
    } catch (error) {
      this.#slow = lines
      this.#tries++
      const { user, system } = process.cpuUsage(before)
      this.#cpuMs += (user + system) / 1000
      const isSlow = this.#tries >= MIN_TRIES && this.#cpuMs >= MAX_CPU_MS
      if (isSlow || this.#tries === MAX_TRIES) this.#fail(TOO_SLOW, error)
    }
  }

  /**
   * Takes the next pieces and returns their lines. A line that several pieces extend is there once.
   */
  #nextBatch(): string[] {
    const lines: string[] = []
    let count = 0
    for (let size = 0; count < this.#pieces.length && size < BATCH_BYTES; count++) {
      const { stream, bytes } = this.#pieces[count] ?? { stream: 0, bytes: Buffer.alloc(0) }
      size += bytes.length
      this.#waitingBytes -= bytes.length
      this.#split(stream, bytes, lines)
    }
    this.#pieces = this.#pieces.slice(count)
    for (const state of this.#streams.values()) state.index = undefined
    return lines
  }

  #split(stream: number, bytes: Buffer, lines: string[]): void {
    const state = this.#streams.get(stream) ?? newState()
    this.#streams.set(stream, state)
    const [first = '', ...others] = state.decoder.write(bytes).split('\n')
    if (state.line.length < MAX_LINE_CHARACTERS) add(state, state.line + first, lines)
    for (const line of others) {
      state.index = undefined
      add(state, line, lines)
    }
  }

  #end(settle: () => void): void {
    this.#isOver = true
    this.#pieces = []
    settle()
  }

  #fail(message: string, cause?: unknown): void {
    const suggestion = 'Wait for a string, or for a pattern with at most one `*` or `+`'
    const error = new SandboxError('SANDBOX_INVALID_OPTION', message, { suggestion, cause })
    this.#end(() => this.#found.reject(error))
  }
}

const newState = (): StreamState => ({ decoder: new StringDecoder(), line: '', index: undefined })

function add(state: StreamState, line: string, lines: string[]): void {
  state.line = line.slice(0, MAX_LINE_CHARACTERS)
  state.index ??= lines.length
  lines[state.index] = state.line
}

function firstOf(lines: readonly string[], pattern: string | RegExp): LogMatch | undefined {
  if (typeof pattern === 'string') {
    const line = lines.find((each) => each.includes(pattern))
    return line === undefined ? undefined : { line }
  }
  return withTimeLimit(() => {
    for (const line of lines) {
      const match = pattern.exec(line)
      if (match) return { line, match }
    }
    return undefined
  })
}

const RUN = new vm.Script('run()')
let context: vm.Context | undefined

/**
 * Runs work with the time limit of a pattern. Throws if the work exceeds it. The timeout of a `vm`
 * script is the only way to interrupt a regular expression.
 */
function withTimeLimit<T>(work: () => T): T | undefined {
  const result: { value?: T } = {}
  context ??= vm.createContext({})
  context.run = () => {
    result.value = work()
  }
  RUN.runInContext(context, { timeout: MAX_MATCH_MS })
  return result.value
}
