/** How often, how long, how many. */
export interface Numbers {
  /** Rounds of what takes milliseconds, and of what takes a container. */
  quickRounds: number
  slowRounds: number
  /** Of a rate: each side is measured so often, each time for so long. */
  rateRounds: number
  rateMs: number
  concurrencies: readonly number[]
  /** Containers made for one figure of the fresh rate. */
  freshRuns: number
  burst: { callers: number; size: number }
  /** Callers that come by chance. */
  arrivals: number
  poolSizes: readonly number[]
  transferBytes: number
  leases: number
  idleMs: number
}

const MIB = 1024 * 1024

/** What `npm run bench` does. */
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
}

/** A few seconds: that it works, not how fast. */
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
}
