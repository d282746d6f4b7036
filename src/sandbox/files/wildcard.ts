/** The characters of a bracket expression, from and to. */
interface CharacterSet {
  ranges: readonly (readonly [number, number])[]
  isNegated: boolean
}

/** What one place of a pattern accepts: a code point, `?`, `*`, or a set. */
export type Token = number | 'any' | 'star' | CharacterSet

const DOT = 0x2e

/**
 * Tells whether a name is what the tokens describe.
 *
 * A `*` takes as little as it can. If the rest does not fit, only the last `*` takes one character
 * more: what stood before it fitted already, at the first place where it can. So this takes at most
 * as many steps as the name has characters, times the tokens. A regular expression tries all
 * combinations of all `*`, which takes hours for a name that was made for it.
 */
export function fits(tokens: readonly Token[], name: string): boolean {
  // A name with a dot first has to be asked for.
  if (name.charCodeAt(0) === DOT && tokens[0] !== DOT) return false
  let [at, next] = [0, 0]
  let [star, taken] = [-1, 0]
  while (at < name.length) {
    const token = tokens[next]
    const code = name.codePointAt(at) ?? 0
    if (token === 'star') {
      star = next++
      taken = at
    } else if (token !== undefined && accepts(token, code)) {
      next++
      at += widthOf(code)
    } else if (star === -1) return false
    else {
      taken += widthOf(name.codePointAt(taken) ?? 0)
      at = taken
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

/** How much of a string a code point takes. */
const widthOf = (code: number) => (code > 0xffff ? 2 : 1)
