import { segmentOf, sizeOf, tooLong } from './glob-segment.js'
import type { Segment } from './glob-segment.js'
import { fits } from './wildcard.js'

type Part = 'any' | Segment

/**
 * How long the patterns of one call may be together, alternatives written out. With this many tokens,
 * the longest path that hostile code can make takes about 30 ms (measured), a usual one 0.01 ms.
 */
const MAX_TOKENS = 1024
/** Also a part without tokens takes time at each name of a path. */
const PART_COST = 2
/** Linux has no longer name, and the agent gives no longer path: those are forgeries. */
const LONGEST_NAME = 255
const LONGEST_PATH = 4096 + LONGEST_NAME

/**
 * Tells whether a path is wanted. Hostile code makes the paths, and an app may take the patterns from
 * its users: neither can make this take more steps than the path has characters, times `MAX_TOKENS`.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` for syntax that is not supported, and for more than
 * `MAX_TOKENS`.
 */
export function matcherOf(globs: readonly string[]): (path: string) => boolean {
  const patterns: Part[][] = []
  let left = MAX_TOKENS
  for (const glob of globs) {
    const parts = partsOf(glob, left)
    left -= parts.reduce(
      (sum, part) => sum + PART_COST + (part === 'any' ? 0 : sizeOf(part.alternatives)),
      1,
    )
    if (left < 0) throw tooLong()
    patterns.push(parts)
  }
  return (path) => {
    if (path.length > LONGEST_PATH) return false
    const segments = path.split('/')
    return patterns.some((parts) => matches(parts, segments))
  }
}

function partsOf(glob: string, maxTokens: number): Part[] {
  if (glob.length > maxTokens) throw tooLong()
  const segments = glob.split('/').filter((segment) => segment !== '' && segment !== '.')
  // Two `**` side by side mean the same as one.
  const different = segments.filter((each, at) => each !== '**' || segments[at - 1] !== '**')
  return different.map((segment) => (segment === '**' ? 'any' : segmentOf(segment, maxTokens)))
}

/** Follows all the ways at once: `ways[n]` tells whether the segments so far may be the first n parts. */
function matches(parts: readonly Part[], segments: readonly string[]): boolean {
  const ways = new Uint8Array(parts.length + 1)
  ways[0] = 1
  skip(parts, ways)
  for (const segment of segments) {
    const isHidden = segment.startsWith('.')
    // From the end: each takes what the one before it was until now.
    for (let at = parts.length; at >= 0; at--) {
      const stays = ways[at] === 1 && !isHidden && parts[at] === 'any'
      const comes = ways[at - 1] === 1 && isOne(parts[at - 1], segment)
      ways[at] = stays || comes ? 1 : 0
    }
    skip(parts, ways)
    if (!ways.includes(1)) return false
  }
  return ways[parts.length] === 1
}

function isOne(part: Part | undefined, name: string): boolean {
  if (part === undefined || part === 'any') return false
  if (name.length > LONGEST_NAME || (part.isNegated && name.startsWith('.'))) return false
  for (const tokens of part.alternatives) if (fits(tokens, name)) return !part.isNegated
  return part.isNegated
}

/** A `**` may stand for nothing. */
function skip(parts: readonly Part[], ways: Uint8Array): void {
  for (let at = 0; at < parts.length; at++) {
    if (ways[at] === 1 && parts[at] === 'any') ways[at + 1] = 1
  }
}
