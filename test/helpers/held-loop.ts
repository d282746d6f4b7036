/**
 * The longest time that other code may hold the event loop: 100 ms on a quiet machine. It is measured in
 * parses of 1 MiB of JSON, because a busy host makes each instruction slower.
 */
export const MAX_HOLD = 16

/** Returns the time in the last line of loop-hold.mjs, in parses; `NaN` if there is no such line. */
export function lastHoldIn(output: string): number {
  const found = [...output.matchAll(/^held the loop for ([\d.]+) parses$/gm)]
  return Number(found.at(-1)?.[1])
}
