import { expect, it, vi } from 'vitest'
import { deferred } from '../../../src/util/deferred.js'
import { DockerCalls } from '../../../src/engine/docker/api-calls.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

it('DockerCalls.once() calls an engine that hangs once, and again after an answer', async () => {
  const calls = new DockerCalls('fake', 1000)
  let answer = deferred<string>()
  const ask = vi.fn(() => answer.promise)
  const call = () => calls.bounded('ask', () => calls.once('ask', ask))
  for (let round = 0; round < 3; round++) {
    const late = call()
    late.catch(() => {})
    advanceTime(1000)
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
