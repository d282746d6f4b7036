/** Returns how many cases of a property run: all, or a twentieth in `npm run test:unit`. */
export function cases(numRuns: number): { numRuns: number } {
  const isQuick = process.env.HONO_SANDBOX_TESTS === 'quick'
  return { numRuns: isQuick ? Math.ceil(numRuns / 20) : numRuns }
}
