import { segmentOf, sizeOf, tooLong } from './glob-segment.js'
import type { Segment } from './glob-segment.js'
import { fits } from './wildcard.js'

/** One part of a pattern: a segment, or `**`, which matches any number of names. */
type Part = 'globstar' | Segment

/**
 * The maximum number of tokens in all patterns of one call, with all alternatives expanded. With
 * this many tokens, the longest path that hostile code can create takes about 30 ms (measured), and
 * a usual path takes 0.01 ms.
 */
const MAX_TOKENS = 1024
/**
 * The cost of a part in addition to its tokens, because each part takes time at each name of a
 * path.
 */
const PART_COST = 2
/**
 * The length limits of Linux for a name, and of the agent for a path. Only a forged listing has
 * longer ones, so these match no pattern.
 */
const LONGEST_NAME = 255
const LONGEST_PATH = 4096 + LONGEST_NAME
/**
 * The folders that a run leaves beside its results. As a name that begins with a dot, they match
 * only a pattern that names them. Most other tools give their caches names that begin with a dot.
 */
const BY_PRODUCTS: ReadonlySet<string> = new Set(['__pycache__', 'node_modules'])

/**
 * Returns a function that tests whether a path matches one of the patterns. The paths come from
 * hostile code, and the patterns may come from the users of an app. The number of steps for a path
 * is at most its length times `MAX_TOKENS`.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if a pattern has syntax that is not supported, or
 * if the patterns have more than `MAX_TOKENS` tokens.
 */
export function matcherOf(globs: readonly string[]): (path: string) => boolean {
  const patterns: Part[][] = []
  let tokensLeft = MAX_TOKENS
  for (const glob of globs) {
    const parts = partsOf(glob, tokensLeft)
    tokensLeft -= parts.reduce(
      (sum, part) => sum + PART_COST + (part === 'globstar' ? 0 : sizeOf(part.alternatives)),
      1,
    )
    if (tokensLeft < 0) throw tooLong()
    patterns.push(parts)
  }
  return (path) => {
    if (path.length > LONGEST_PATH) return false
    const names = path.split('/')
    return patterns.some((parts) => matches(parts, names))
  }
}

function partsOf(glob: string, maxTokens: number): Part[] {
  if (glob.length > maxTokens) throw tooLong()
  const segments = glob.split('/').filter((segment) => segment !== '' && segment !== '.')
  // Two consecutive `**` mean the same as one.
  const different = segments.filter((each, at) => each !== '**' || segments[at - 1] !== '**')
  return different.map((segment) => (segment === '**' ? 'globstar' : segmentOf(segment, maxTokens)))
}

/**
 * Tests whether the names of a path match the parts of a pattern. It follows all possibilities at
 * the same time, as a state machine: `states[n]` is 1 if the names so far match the first n parts.
 */
function matches(parts: readonly Part[], names: readonly string[]): boolean {
  const states = new Uint8Array(parts.length + 1)
  states[0] = 1
  skipGlobstars(parts, states)
  for (const name of names) {
    const isHidden = isLeftOut(name)
    // From the end to the start, because a new state depends on the old state before it.
    for (let at = parts.length; at >= 0; at--) {
      const stays = states[at] === 1 && !isHidden && parts[at] === 'globstar'
      const advances = states[at - 1] === 1 && matchesPart(parts[at - 1], name)
      states[at] = stays || advances ? 1 : 0
    }
    skipGlobstars(parts, states)
    if (!states.includes(1)) return false
  }
  return states[parts.length] === 1
}

function matchesPart(part: Part | undefined, name: string): boolean {
  if (part === undefined || part === 'globstar') return false
  if (name.length > LONGEST_NAME || (part.isNegated && isLeftOut(name))) return false
  const mustBeLiteral = BY_PRODUCTS.has(name)
  for (const tokens of part.alternatives) {
    if (mustBeLiteral && !tokens.every(Number.isInteger)) continue
    if (fits(tokens, name)) return !part.isNegated
  }
  return part.isNegated
}

const isLeftOut = (name: string) => name.startsWith('.') || BY_PRODUCTS.has(name)

/** Moves past each `**` that was reached, because `**` also matches no name at all. */
function skipGlobstars(parts: readonly Part[], states: Uint8Array): void {
  for (let at = 0; at < parts.length; at++) {
    if (states[at] === 1 && parts[at] === 'globstar') states[at + 1] = 1
  }
}
