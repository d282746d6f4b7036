/** A bracket expression such as `[a-z]`. */
interface CharacterSet {
  /** The first and the last code point of each range. */
  ranges: readonly (readonly [number, number])[]
  isNegated: boolean
}

/** One element of a pattern: a code point, `?` (`any`), `*` (`star`) or a bracket expression. */
export type Token = number | 'any' | 'star' | CharacterSet

const DOT = 0x2e

/**
 * Returns whether a name matches the tokens of a pattern.
 *
 * Each `*` first matches as few characters as possible. If the tokens after it do not match, only
 * the last `*` takes one more character: the tokens before it already match at their first possible
 * place. Therefore the number of steps is at most the length of the name times the number of
 * tokens. A regular expression would try all combinations of all `*`, which takes hours for a name
 * made by an attacker.
 */
export function fits(tokens: readonly Token[], name: string): boolean {
  // As in a shell, only a pattern that starts with a dot matches a name that starts with a dot.
  if (name.charCodeAt(0) === DOT && tokens[0] !== DOT) return false
  let [at, next] = [0, 0]
  /** The index of the last `*`, and the end of the characters that it takes. */
  let [star, starEnd] = [-1, 0]
  while (at < name.length) {
    const token = tokens[next]
    const code = name.codePointAt(at) ?? 0
    if (token === 'star') {
      star = next++
      starEnd = at
    } else if (token !== undefined && accepts(token, code)) {
      next++
      at += widthOf(code)
    } else if (star === -1) return false
    else {
      starEnd += widthOf(name.codePointAt(starEnd) ?? 0)
      at = starEnd
      next = star + 1
    }
  }
  while (tokens[next] === 'star') next++
  return next === tokens.length
}

function accepts(token: Exclude<Token, 'star'>, code: number): boolean {
  if (typeof token === 'number') return token === code
  if (token === 'any') return true
  return token.ranges.some(([first, last]) => first <= code && code <= last) !== token.isNegated
}

/** Returns the number of UTF-16 code units of a code point. */
const widthOf = (code: number) => (code > 0xffff ? 2 : 1)
