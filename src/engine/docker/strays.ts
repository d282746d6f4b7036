import type { SweepOptions } from '../engine.js'
import { OWNER_LABEL } from './labels.js'

/**
 * A container of another server that was created this long ago and not started never will be. A
 * launch, of which each call has its own deadline, is over by then.
 */
const STRAY_AGE_S = 60

/** A container as Docker lists it. */
interface Listed {
  Id: string
  /** Seconds of the engine's clock. */
  Created: number
  Labels: Readonly<Record<string, string>>
  /** Each with a slash before it. */
  Names: readonly string[]
  State: string
}

/**
 * The ids of the containers that nobody will start any more, out of those that do not run.
 * `engineTime` is the engine's clock, no later than the list: ours may be minutes off.
 */
export function straysOf(
  listed: readonly Listed[],
  engineTime: string,
  { owner, isLaunching }: SweepOptions,
): string[] {
  const createdBefore = Date.parse(engineTime) / 1000 - STRAY_AGE_S
  const strays = listed.filter(({ Created, Labels, Names, State }) => {
    const isOurs = Labels[OWNER_LABEL] === owner
    // A launch that has ended since the list was made has started its container, or failed.
    if (isOurs && Names.some((name) => isLaunching(name.slice(1)))) return false
    return (isOurs && State === 'created') || Created < createdBefore
  })
  return strays.map(({ Id }) => Id)
}
