import picomatch from 'picomatch'
import { SandboxError } from '../errors.js'

type Part = 'any' | ((segment: string) => boolean)

/**
 * Tells whether a path is wanted, a segment at a time: a pattern as one regular expression takes
 * minutes over a path that was made for it, and whoever makes the files makes the paths.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` for a slash within braces or parentheses.
 */
export function matcherOf(globs: readonly string[]): (path: string) => boolean {
  const patterns = globs.map(partsOf)
  return (path) => {
    const segments = path.split('/')
    return patterns.some((parts) => matches(parts, segments))
  }
}

function partsOf(glob: string): Part[] {
  if (/[{(][^})]*\//.test(glob)) {
    const message = 'collect: glob: a slash within braces or parentheses'
    throw new SandboxError('SANDBOX_INVALID_OPTION', message, {
      suggestion: 'Give several patterns',
    })
  }
  const segments = glob.split('/').filter((segment) => segment !== '' && segment !== '.')
  return segments.map((segment) => (segment === '**' ? 'any' : picomatch(segment, { flags: 's' })))
}

/** Follows all the ways at once: `at` has how many parts the segments so far may have used up. */
function matches(parts: readonly Part[], segments: readonly string[]): boolean {
  let at = new Set(skipped(parts, [0]))
  for (const segment of segments) {
    const next: number[] = []
    for (const index of at) {
      const part = parts[index]
      if (part === 'any') {
        // As in any glob: names with a dot first have to be asked for.
        if (!segment.startsWith('.')) next.push(index)
      } else if (part?.(segment)) next.push(index + 1)
    }
    at = new Set(skipped(parts, next))
    if (at.size === 0) return false
  }
  return at.has(parts.length)
}

/** A `**` may stand for nothing. */
function skipped(parts: readonly Part[], at: readonly number[]): number[] {
  return at.flatMap((index) => {
    const all = [index]
    for (let more = index; parts[more] === 'any'; more++) all.push(more + 1)
    return all
  })
}
