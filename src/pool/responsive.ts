import type { Pooled } from './types.js'

/** Whether a container answers, as far as anybody knows. */
export function isResponsive({ isResponsive: answers = true }: Pooled): boolean {
  return answers
}

/** The container to lend: the first that answers, else the first. */
export function firstToLend<T extends Pooled>(containers: Iterable<T>): T | undefined {
  const all = [...containers]
  return all.find(isResponsive) ?? all[0]
}

/** The containers in the order in which a pool gives them up: those that do not answer first. */
export function firstToGo<T extends Pooled>(containers: Iterable<T>): T[] {
  return [...containers].sort((a, b) => Number(isResponsive(a)) - Number(isResponsive(b)))
}
