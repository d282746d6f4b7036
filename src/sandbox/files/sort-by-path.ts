import { Slices } from '../../util/loop-turn.js'

interface Named {
  path: string
}

/**
 * The number of entries that are sorted or merged without a pause: about 5 ms with the longest
 * paths.
 */
const STEP_LENGTH = 512

/**
 * Sorts entries by path, by a merge sort that pauses for other work of the event loop. Hostile code
 * can create 10,000 paths with the same first 4,000 characters: to sort them takes 100 ms.
 */
export async function sortByPath<Entry extends Named>(entries: readonly Entry[]): Promise<Entry[]> {
  const slices = new Slices()
  let lists: Entry[][] = []
  for (let at = 0; at < entries.length; at += STEP_LENGTH) {
    const step = entries.slice(at, at + STEP_LENGTH)
    lists.push(step.sort((one, other) => (one.path < other.path ? -1 : 1)))
    await slices.next()
  }
  while (lists.length > 1) {
    const merged: Entry[][] = []
    for (let at = 0; at < lists.length; at += 2) {
      merged.push(await merge(lists[at] ?? [], lists[at + 1] ?? [], slices))
    }
    lists = merged
  }
  return lists[0] ?? []
}

async function merge<Entry extends Named>(
  first: readonly Entry[],
  second: readonly Entry[],
  slices: Slices,
): Promise<Entry[]> {
  const merged: Entry[] = []
  let [at, pauseAt] = [0, STEP_LENGTH]
  for (const other of second) {
    for (let one = first[at]; one && one.path <= other.path; one = first[++at]) merged.push(one)
    merged.push(other)
    if (merged.length >= pauseAt) {
      await slices.next()
      pauseAt = merged.length + STEP_LENGTH
    }
  }
  return [...merged, ...first.slice(at)]
}
