/**
 * Returns how many cases of a property run: all, or a twentieth in `npm run test:unit`.
 * `HONO_SANDBOX_CASES=100` runs a hundred times as many, and `HONO_SANDBOX_SEED` repeats the cases of
 * a failure, which reports its seed.
 */
export function cases(numRuns: number): { numRuns: number; seed?: number } {
  const {
    HONO_SANDBOX_TESTS: extent,
    HONO_SANDBOX_CASES: factor,
    HONO_SANDBOX_SEED: seed,
  } = process.env
  const share = extent === 'quick' ? 1 / 20 : Number(factor ?? 1)
  return { numRuns: Math.ceil(numRuns * share), ...(seed && { seed: Number(seed) }) }
}
