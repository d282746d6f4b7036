import type { Pooled } from './types.js'

/** Returns whether a container answered the last time it was asked. The default is `true`. */
export function isResponsive({ isResponsive: answers = true }: Pooled): boolean {
  return answers
}

/**
 * Returns the container for the next lease: the first container that answers, otherwise the first
 * one.
 */
export function nextToLend<T extends Pooled>(containers: Iterable<T>): T | undefined {
  const all = [...containers]
  return all.find(isResponsive) ?? all[0]
}

/**
 * Returns the containers in the order in which a pool removes them: containers that do not answer
 * come first.
 */
export function inRemovalOrder<T extends Pooled>(containers: Iterable<T>): T[] {
  return [...containers].sort((a, b) => Number(isResponsive(a)) - Number(isResponsive(b)))
}
