/**
 * Returns how many cases of a property run: all, or a twentieth in `npm run test:unit`.
 * `HONO_SANDBOX_CASES=100` runs a hundred times as many.
 */
export function cases(numRuns: number): { numRuns: number } {
  const { HONO_SANDBOX_TESTS: extent, HONO_SANDBOX_CASES: factor } = process.env
  const share = (extent === 'quick' ? 1 / 20 : 1) * Number(factor ?? 1)
  return { numRuns: Math.ceil(numRuns * share) }
}
