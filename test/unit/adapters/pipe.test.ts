import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { pipe } from '../../../src/adapters/shared/pipe.js'

const FULL = new Uint8Array(256 * 1024)

it('a write to a full pipe waits for its reader', async () => {
  const { write, end, readable } = pipe()
  let isWritten = false
  const written = write(FULL).then(() => (isWritten = true))
  await setImmediate()
  expect(isWritten).toBe(false)
  const reader = readable.getReader()
  expect(await reader.read()).toEqual({ done: false, value: FULL })
  await written
  end()
  expect(await reader.read()).toEqual({ done: true, value: undefined })
})

it('a write to a cancelled pipe is dropped', async () => {
  const { write, end, readable } = pipe()
  const written = write(FULL)
  await readable.cancel()
  await written
  await write(FULL)
  end()
})
