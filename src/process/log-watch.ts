import { StringDecoder } from 'node:string_decoder'
import type { Deferred } from '../deferred.js'
import { deferred } from '../deferred.js'

/** A line of output that was waited for. */
export interface LogMatch {
  line: string
  /** Of a pattern: what it matched, with its groups. */
  match?: RegExpExecArray
}

/** Of a longer line only so much is looked at: each of its pieces means to look again. */
const MAX_LINE_CHARACTERS = 4096

/** Looks at output, line by line, until one is what somebody waits for. */
export class LogWatch {
  readonly #pattern: string | RegExp
  readonly #streams = new Map<number, { decoder: StringDecoder; line: string }>()
  readonly #found: Deferred<LogMatch> = deferred<LogMatch>()

  constructor(pattern: string | RegExp) {
    // Without g and y: these make a pattern remember where it was.
    this.#pattern =
      pattern instanceof RegExp
        ? new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''))
        : pattern
  }

  /** Settles with the first line that it is. */
  get found(): Promise<LogMatch> {
    return this.#found.promise
  }

  push(stream: number, bytes: Buffer): void {
    const state = this.#streams.get(stream) ?? { decoder: new StringDecoder(), line: '' }
    const lines = state.decoder.write(bytes).split('\n')
    lines[0] = state.line + (lines[0] ?? '')
    const isFull = state.line.length === MAX_LINE_CHARACTERS
    for (const line of isFull ? lines.slice(1) : lines) {
      this.#look(line.slice(0, MAX_LINE_CHARACTERS))
    }
    state.line = (lines.at(-1) ?? '').slice(0, MAX_LINE_CHARACTERS)
    this.#streams.set(stream, state)
  }

  #look(line: string): void {
    if (typeof this.#pattern === 'string') {
      if (line.includes(this.#pattern)) this.#found.resolve({ line })
      return
    }
    const match = this.#pattern.exec(line)
    if (match) this.#found.resolve({ line, match })
  }
}
