import { SandboxError } from '../../errors.js'
import type { Token } from './wildcard.js'

/** The part of a pattern between two slashes, with all alternatives expanded. */
export interface Segment {
  /** A name matches the segment if it matches one of these. */
  alternatives: Token[][]
  /** Whether the segment matches the names that match none of the alternatives: `!(a|b)`. */
  isNegated: boolean
}

/**
 * Parses one segment of a pattern.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if the segment has syntax that is not supported, or
 * more than `maxTokens` tokens.
 */
export function segmentOf(text: string, maxTokens: number): Segment {
  const parser = new SegmentParser(text, maxTokens)
  if (!text.startsWith('!')) return { alternatives: parser.sequence(''), isNegated: false }
  if (!text.startsWith('!(')) throw unsupported('a `!` at the beginning', 'Write `!(a)` or `\\!`')
  return { alternatives: parser.negated(), isNegated: true }
}

/**
 * Returns the maximum number of comparisons for one character of a name. An alternative counts one
 * more than its tokens, because an alternative without tokens takes time too.
 */
export function sizeOf(alternatives: readonly Token[][]): number {
  return alternatives.reduce((sum, tokens) => sum + 1 + lengthOf(tokens), 0)
}

function lengthOf(tokens: readonly Token[]): number {
  return tokens.reduce<number>(
    (sum, token) => sum + (typeof token === 'object' ? token.ranges.length : 1),
    0,
  )
}

function unsupported(syntax: string, suggestion: string): SandboxError {
  return invalid(`${syntax} is not supported`, suggestion)
}

function invalid(problem: string, suggestion: string): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', `collect: glob: ${problem}`, { suggestion })
}

const ESCAPE_IT = 'Write a backslash before the character if it is part of the name'

class SegmentParser {
  readonly #text: string
  readonly #maxTokens: number
  #at = 0

  constructor(text: string, maxTokens: number) {
    this.#text = text
    this.#maxTokens = maxTokens
  }

  /** Parses up to one of the characters in `ends`, or up to the end of the text. */
  sequence(ends: string): Token[][] {
    let found: Token[][] = [[]]
    while (this.#at < this.#text.length && !ends.includes(this.#peek())) {
      found = this.#joined(found, this.#item())
    }
    return found
  }

  /** Parses `!(a|b)`, which must be the whole segment. */
  negated(): Token[][] {
    this.#at = 1
    const found = this.#group('|', ')')
    if (this.#at < this.#text.length) {
      throw unsupported('text after `!(...)`', 'Write `!(...)` alone between two slashes')
    }
    return found.flat()
  }

  #item(): Token[][] {
    const character = this.#peek()
    const isGroup = this.#text.startsWith('(', this.#at + 1)
    if (isGroup && '*+!'.includes(character)) {
      throw unsupported(`\`${character}(\``, 'List the alternatives: `{a,b}`')
    }
    if (isGroup && '?@'.includes(character)) {
      this.#at++
      const found = this.#group('|', ')').flat()
      return character === '?' ? [[], ...found] : found
    }
    if (character === '{') return this.#braces()
    if (character === '[') return [[this.#set()]]
    if ('(|'.includes(character)) throw unsupported(`a \`${character}\``, ESCAPE_IT)
    if (character === '+' && /[\])}]/.test(this.#text.charAt(this.#at - 1))) {
      throw unsupported('a `+` after a bracket', ESCAPE_IT)
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
    if (isRange) {
      throw unsupported('a range in braces', 'Write `[1-9]`, or list the alternatives: `{10,11}`')
    }
    throw invalid('braces without a comma', 'Write `\\{` if the brace is part of the name')
  }

  /** Parses the alternatives between an opening bracket and its closing bracket. */
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

  /** Parses `[a-z]`, `[!a-z]` or `[^a-z]`. */
  #set(): Token {
    this.#at++
    const isNegated = '!^'.includes(this.#peek() || ' ')
    if (isNegated) this.#at++
    const ranges: [number, number][] = []
    // As in other globs, a `]` at the first place is one of the characters of the set.
    while (this.#at < this.#text.length && (this.#peek() !== ']' || ranges.length === 0)) {
      if (/^\[[:.=]/.test(this.#text.slice(this.#at, this.#at + 2))) {
        throw unsupported('a class such as `[:alpha:]`', 'Write `[A-Za-z]`')
      }
      const first = this.#literal()
      const isRange = /^-[^\]]/.test(this.#text.slice(this.#at, this.#at + 2))
      if (isRange) this.#at++
      const last = isRange ? this.#literal() : first
      if (last < first) throw invalid('a range whose end is before its start', 'Write `[a-z]`')
      ranges.push([first, last])
    }
    this.#close('[', ']')
    return { ranges, isNegated }
  }

  #literal(): number {
    if (this.#peek() === '\\') this.#at++
    const code = this.#text.codePointAt(this.#at)
    if (code === undefined) {
      throw invalid('a backslash at the end of a name', 'Write `\\\\` for a backslash')
    }
    this.#at += code > 0xffff ? 2 : 1
    return code
  }

  #close(opening: string, end: string): void {
    if (this.#peek() !== end) {
      const suggestion = `Pass several patterns if a slash is between the brackets. ${ESCAPE_IT}`
      throw invalid(`a \`${opening}\` without its \`${end}\``, suggestion)
    }
    this.#at++
  }

  #joined(before: Token[][], after: Token[][]): Token[][] {
    // Checked before the combinations are created: their number can grow exponentially.
    const size = sizeOf(before) * after.length + (sizeOf(after) - after.length) * before.length
    if (size > this.#maxTokens) throw tooLong()
    return before.flatMap((one) => after.map((other) => [...one, ...other]))
  }

  /** Returns the next character; an empty string at the end of the text. */
  #peek(): string {
    return this.#text.charAt(this.#at)
  }
}

/** Returns the error for patterns that exceed the limit of tokens. */
export function tooLong(): SandboxError {
  return invalid(
    'the patterns are too long with all alternatives expanded',
    'Use shorter patterns or fewer alternatives',
  )
}
