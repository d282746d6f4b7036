interface PoolBounds {
  size: number
  max: number
}

/** The counts and durations of all scenarios. */
export interface Numbers {
  /** Rounds of contenders that take milliseconds, and of contenders that take a container each. */
  quickRounds: number
  slowRounds: number
  /** Rounds of a rate, and the duration of one round in milliseconds. */
  rateRounds: number
  rateMs: number
  concurrencies: readonly number[]
  /** Concurrencies of the engine's own rate. On machines with few cores the best one is among them. */
  engineConcurrencies: readonly number[]
  /** Warm leases for the rate of runs in them. */
  warmLeases: number
  /** The pool of the fresh rate, and the containers that are launched for one of its figures. */
  freshPool: PoolBounds
  freshRuns: number
  burst: { callers: number; size: number }
  /** Callers of the scenario with random arrivals, and the measurement of their rate. */
  arrivals: number
  calibration: PoolBounds & { callers: number; runs: number }
  poolSizes: readonly number[]
  transferBytes: number
  /** Leases of the soak, and their pool. */
  leases: number
  soakPool: PoolBounds
  /** Idle containers of the scenario of the server's memory. */
  idleContainers: number
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
  engineConcurrencies: [2, 3, 4],
  warmLeases: 4,
  freshPool: { size: 4, max: 10 },
  freshRuns: 30,
  burst: { callers: 100, size: 10 },
  arrivals: 120,
  calibration: { size: 4, max: 8, callers: 4, runs: 12 },
  poolSizes: [1, 10, 50],
  transferBytes: 100 * MIB,
  leases: 10_000,
  soakPool: { size: 4, max: 8 },
  idleContainers: 20,
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
  engineConcurrencies: [2],
  warmLeases: 2,
  freshPool: { size: 1, max: 2 },
  freshRuns: 1,
  burst: { callers: 2, size: 1 },
  arrivals: 2,
  calibration: { size: 1, max: 1, callers: 1, runs: 1 },
  poolSizes: [1],
  transferBytes: MIB,
  leases: 5,
  soakPool: { size: 1, max: 2 },
  idleContainers: 1,
  idleMs: 50,
  idleTimeoutMs: 20,
}
