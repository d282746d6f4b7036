import { beforeEach, expect, it, vi } from 'vitest'
import { deferred } from '../../../src/util/deferred.js'
import { DockerCalls } from '../../../src/engine/docker/api-calls.js'
import { elapse } from '../fakes/fake-time.js'

beforeEach(() => {
  vi.useFakeTimers()
  return () => vi.useRealTimers()
})

it('asks an engine that hangs once, however often the deadline passes, and again after an answer', async () => {
  const calls = new DockerCalls('fake', 1000)
  let answer = deferred<string>()
  const ask = vi.fn(() => answer.promise)
  const call = () => calls.bounded('ask', () => calls.once('ask', ask))
  for (let round = 0; round < 3; round++) {
    const late = call()
    late.catch(() => {})
    elapse(1000)
    await expect(late).rejects.toMatchObject({ code: 'SANDBOX_ENGINE_UNAVAILABLE' })
  }
  expect(ask).toHaveBeenCalledTimes(1)
  answer.resolve('late')
  await vi.advanceTimersByTimeAsync(0)
  answer = deferred()
  answer.resolve('again')
  expect(await call()).toBe('again')
  expect(ask).toHaveBeenCalledTimes(2)
})
