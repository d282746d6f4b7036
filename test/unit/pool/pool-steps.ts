import * as fc from 'fast-check'

const OPS = [
  'acquire',
  'acquire',
  'acquireWithTimeout',
  'acquireAbortable',
  'abort',
  'use',
  'release',
  'release',
  'endBadly',
  'crash',
  'crashLeased',
  'goSilent',
  'answerAgain',
  'launchWorks',
  'launchFails',
  'launchSlow',
  'answerLaunch',
  'answerLaunch',
  'failLaunch',
  'removeWorks',
  'removeFails',
  'removeSlow',
  'answerRemove',
  'failRemove',
  'resize',
  'resizeBetween',
  'time',
  'time',
] as const

/** One step of a case. */
export interface Step {
  op: (typeof OPS)[number]
  /** Chooses a caller, a lease or a container, or a duration. */
  pick: number
  /** The number of microtasks that run before the next step. Above 8, all run. */
  microtasks: number
}

/** The steps of a case, in any order. */
export const Steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ op: fc.constantFrom(...OPS), pick: fc.nat(999), microtasks: fc.nat(14) }),
  { minLength: 5, maxLength: 60, size: 'max' },
)
