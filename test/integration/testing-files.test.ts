import { createTestPool } from 'hono-sandbox/testing'
import { describe, expect, it } from 'vitest'
import { outcomesOfFileCalls } from '../contract/file-calls.js'
import { places, useLease, usePool } from '../helpers/engine.js'

describe.each(places)('file calls of $language under $runtime', ({ runtime, language }) => {
  const options = { workspaceSize: '1m', languages: { [language]: { size: 1 } } }
  const pool = usePool({ ...options, runtime })
  const lease = useLease(pool, language)

  it('have the same outcomes in a test pool', async () => {
    const double = await createTestPool(options).acquire(language)
    expect(await outcomesOfFileCalls(double)).toEqual(await outcomesOfFileCalls(await lease()))
  })
})
