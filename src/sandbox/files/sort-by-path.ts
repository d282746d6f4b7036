import { Slices } from '../../util/loop-turn.js'

interface Named {
  path: string
}

/** So many are sorted, or merged, before the time is looked at: about 5 ms with the longest paths. */
const RUN = 512

/**
 * Sorts by path, with turns of the event loop in between: hostile code can make 10,000 paths whose
 * first 4,000 characters are the same, and to sort them takes 100 ms.
 */
export async function sortByPath<Entry extends Named>(entries: readonly Entry[]): Promise<Entry[]> {
  const slices = new Slices()
  let runs: Entry[][] = []
  for (let at = 0; at < entries.length; at += RUN) {
    runs.push(entries.slice(at, at + RUN).sort((one, other) => (one.path < other.path ? -1 : 1)))
    await slices.next()
  }
  while (runs.length > 1) {
    const merged: Entry[][] = []
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge(runs[at] ?? [], runs[at + 1] ?? [], slices))
    }
    runs = merged
  }
  return runs[0] ?? []
}

async function merge<Entry extends Named>(
  some: readonly Entry[],
  others: readonly Entry[],
  slices: Slices,
): Promise<Entry[]> {
  const merged: Entry[] = []
  let [at, due] = [0, RUN]
  for (const other of others) {
    for (let one = some[at]; one && one.path <= other.path; one = some[++at]) merged.push(one)
    merged.push(other)
    if (merged.length >= due) {
      await slices.next()
      due = merged.length + RUN
    }
  }
  return [...merged, ...some.slice(at)]
}
