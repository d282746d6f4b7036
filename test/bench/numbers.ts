/** The counts and durations of all scenarios. */
export interface Numbers {
  /** Rounds of contenders that take milliseconds, and of contenders that take a container each. */
  quickRounds: number
  slowRounds: number
  /** Rounds of a rate, and the duration of one round in milliseconds. */
  rateRounds: number
  rateMs: number
  concurrencies: readonly number[]
  /** Containers that are launched for one figure of the fresh rate. */
  freshRuns: number
  burst: { callers: number; size: number }
  /** Callers of the scenario with random arrivals. */
  arrivals: number
  poolSizes: readonly number[]
  transferBytes: number
  leases: number
  idleMs: number
  /** The longest wait for an idle machine before a run, in milliseconds. */
  idleTimeoutMs: number
}

const MIB = 1024 * 1024

/** The numbers of `npm run bench`. */
export const FULL: Numbers = {
  quickRounds: 200,
  slowRounds: 30,
  rateRounds: 3,
  rateMs: 1000,
  concurrencies: [1, 2, 4, 8, 16, 64],
  freshRuns: 30,
  burst: { callers: 100, size: 10 },
  arrivals: 120,
  poolSizes: [1, 10, 50],
  transferBytes: 100 * MIB,
  leases: 10_000,
  idleMs: 5000,
  idleTimeoutMs: 3000,
}

/** The numbers of `--smoke`, which takes a few seconds and only checks that the scenarios work. */
export const SMOKE: Numbers = {
  quickRounds: 3,
  slowRounds: 1,
  rateRounds: 1,
  rateMs: 100,
  concurrencies: [1, 2],
  freshRuns: 3,
  burst: { callers: 4, size: 2 },
  arrivals: 4,
  poolSizes: [1],
  transferBytes: MIB,
  leases: 40,
  idleMs: 50,
  idleTimeoutMs: 20,
}
