import type { SweepOptions } from '../engine.js'
import { OWNER_LABEL } from './labels.js'

/**
 * The age at which an unstarted container of another server is a stray. A launch is over by then,
 * because each of its calls has a deadline.
 */
const STRAY_AGE_S = 60

/** A container as Docker lists it. */
interface Listed {
  Id: string
  /** The time of creation, in seconds of the engine's clock. */
  Created: number
  Labels: Readonly<Record<string, string>>
  /** The names, each with a leading slash. */
  Names: readonly string[]
  State: string
}

/**
 * Returns the ids of the listed containers that will never be started. `listed` has only containers that
 * do not run. `engineTime` is the engine's clock, read before the list, because the clock of the server
 * may differ by minutes.
 */
export function straysOf(
  listed: readonly Listed[],
  engineTime: string,
  { owner, isLaunching }: SweepOptions,
): string[] {
  const createdBefore = Date.parse(engineTime) / 1000 - STRAY_AGE_S
  const strays = listed.filter(({ Created, Labels, Names, State }) => {
    const isOurs = Labels[OWNER_LABEL] === owner
    // A launch that has ended since the list has either started its container or failed.
    if (isOurs && Names.some((name) => isLaunching(name.slice(1)))) return false
    return (isOurs && State === 'created') || Created < createdBefore
  })
  return strays.map(({ Id }) => Id)
}
