import { expect, it, vi } from 'vitest'
import { Liveness } from '../../../middleware/socket-liveness.js'
import { fakeConnection } from '../../helpers/fake-connection.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

it.each([
  ['is ended if it answers no heartbeat', false, 1],
  ['stays if it answers', true, 0],
])('a connection %s', (_, answers, terminations) => {
  const fake = fakeConnection()
  const liveness = new Liveness(fake.connection)
  for (let beat = 0; beat < 4; beat++) {
    vi.advanceTimersByTime(Liveness.HEARTBEAT_MS)
    if (answers) liveness.heard()
  }
  expect(fake.terminations()).toBe(terminations)
  expect(fake.sent).toHaveLength(answers ? 4 : 3)
  liveness.stop()
  expect(vi.getTimerCount()).toBe(0)
})

it('a connection that the server does not read gets heartbeats, and stays', () => {
  const fake = fakeConnection()
  Object.assign(fake.connection, { isPaused: true })
  const liveness = new Liveness(fake.connection)
  vi.advanceTimersByTime(10 * Liveness.HEARTBEAT_MS)
  expect(fake.terminations()).toBe(0)
  expect(fake.sent).toHaveLength(10)
  liveness.stop()
})
