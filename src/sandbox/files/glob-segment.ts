import { SandboxError } from '../../errors.js'
import type { Token } from './wildcard.js'

/** What stands between two slashes of a pattern, its alternatives written out. */
export interface Segment {
  alternatives: Token[][]
  /** Whether it is all that the alternatives are not: `!(a|b)`. */
  isNegated: boolean
}

/** @throws SandboxError `SANDBOX_INVALID_OPTION` that names what is not supported. */
export function segmentOf(text: string, maxTokens: number): Segment {
  const parser = new SegmentParser(text, maxTokens)
  if (!text.startsWith('!')) return { alternatives: parser.sequence(''), isNegated: false }
  if (!text.startsWith('!(')) throw refused('a `!` at the beginning', 'Write `!(a)` or `\\!`')
  return { alternatives: parser.negated(), isNegated: true }
}

/** How many comparisons a character may take. An alternative without tokens is one as well. */
export function sizeOf(alternatives: readonly Token[][]): number {
  return alternatives.reduce((sum, tokens) => sum + 1 + lengthOf(tokens), 0)
}

function lengthOf(tokens: readonly Token[]): number {
  return tokens.reduce<number>(
    (sum, token) => sum + (typeof token === 'object' ? token.ranges.length : 1),
    0,
  )
}

/** @returns the error, for the caller to throw. */
function refused(what: string, suggestion: string): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', `collect: glob: ${what}`, { suggestion })
}

const ESCAPE_IT = 'Write a backslash before it, if it is part of the name'

class SegmentParser {
  readonly #text: string
  readonly #maxTokens: number
  #at = 0

  constructor(text: string, maxTokens: number) {
    this.#text = text
    this.#maxTokens = maxTokens
  }

  /** What comes before one of the characters that end it. */
  sequence(ends: string): Token[][] {
    let found: Token[][] = [[]]
    while (this.#at < this.#text.length && !ends.includes(this.#peek())) {
      found = this.#joined(found, this.#item())
    }
    return found
  }

  /** `!(a|b)`, which has to be all there is. */
  negated(): Token[][] {
    this.#at = 1
    const found = this.#group('|', ')')
    if (this.#at < this.#text.length) {
      throw refused('something after `!()` between two slashes', 'Let `!()` stand alone')
    }
    return found.flat()
  }

  #item(): Token[][] {
    const character = this.#peek()
    const isGroup = this.#text.startsWith('(', this.#at + 1)
    if (isGroup && '*+!'.includes(character)) {
      throw refused(`\`${character}(\``, 'Write the alternatives out: `{a,b}`')
    }
    if (isGroup && '?@'.includes(character)) {
      this.#at++
      const found = this.#group('|', ')').flat()
      return character === '?' ? [[], ...found] : found
    }
    if (character === '{') return this.#braces()
    if (character === '[') return [[this.#set()]]
    if ('(|'.includes(character)) throw refused(`a \`${character}\``, ESCAPE_IT)
    if (character === '+' && /[\])}]/.test(this.#text.charAt(this.#at - 1))) {
      throw refused('a `+` after a bracket', ESCAPE_IT)
    }
    if (character === '?') {
      this.#at++
      return [['any']]
    }
    if (character !== '*') return [[this.#literal()]]
    while (this.#peek() === '*' && !this.#text.startsWith('(', this.#at + 1)) this.#at++
    return [['star']]
  }

  #braces(): Token[][] {
    const from = this.#at
    const found = this.#group(',', '}')
    if (found.length > 1) return found.flat()
    const isRange = this.#text.slice(from, this.#at).includes('..')
    if (isRange) throw refused('a range in braces', 'Write `[1-9]`, or the alternatives out')
    throw refused('braces without a comma', 'Write `\\{` for the character')
  }

  /** The alternatives between two brackets. */
  #group(separator: string, end: string): Token[][][] {
    const opening = this.#peek()
    const found: Token[][][] = []
    do {
      this.#at++
      found.push(this.sequence(separator + end))
    } while (this.#peek() === separator)
    this.#close(opening, end)
    return found
  }

  /** `[a-z]`, `[!a-z]`, `[^a-z]`. */
  #set(): Token {
    this.#at++
    const isNegated = '!^'.includes(this.#peek() || ' ')
    if (isNegated) this.#at++
    const ranges: [number, number][] = []
    // A `]` that comes first is one of the characters.
    while (this.#at < this.#text.length && (this.#peek() !== ']' || ranges.length === 0)) {
      if (/^\[[:.=]/.test(this.#text.slice(this.#at, this.#at + 2))) {
        throw refused('a class such as `[:alpha:]`', 'Write `[A-Za-z]`')
      }
      const first = this.#literal()
      const isRange = /^-[^\]]/.test(this.#text.slice(this.#at, this.#at + 2))
      if (isRange) this.#at++
      const last = isRange ? this.#literal() : first
      if (last < first) throw refused('a range whose end is before its beginning', 'Write `[a-z]`')
      ranges.push([first, last])
    }
    this.#close('[', ']')
    return { ranges, isNegated }
  }

  #literal(): number {
    if (this.#peek() === '\\') this.#at++
    const code = this.#text.codePointAt(this.#at)
    if (code === undefined) throw refused('a backslash before nothing or a slash', 'Write `\\\\`')
    this.#at += code > 0xffff ? 2 : 1
    return code
  }

  #close(opening: string, end: string): void {
    if (this.#peek() !== end) {
      const suggestion = `Give several patterns, if a slash is between them. ${ESCAPE_IT}`
      throw refused(`a \`${opening}\` without its \`${end}\``, suggestion)
    }
    this.#at++
  }

  #joined(before: Token[][], after: Token[][]): Token[][] {
    const size = sizeOf(before) * after.length + (sizeOf(after) - after.length) * before.length
    if (size > this.#maxTokens) throw tooLong()
    return before.flatMap((one) => after.map((other) => [...one, ...other]))
  }

  /** The character that is next; an empty string at the end. */
  #peek(): string {
    return this.#text.charAt(this.#at)
  }
}

/** What hostile patterns are refused with, in whichever way they are long. */
export function tooLong(): SandboxError {
  return refused('the patterns are too long with their alternatives written out', 'Write fewer')
}
