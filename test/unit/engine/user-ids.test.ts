import { expect, it } from 'vitest'
import { readSettings } from '../../../src/config/settings.js'
import { UserIds } from '../../../src/engine/user-ids.js'

it('a user id is given again only after its release, and the longest free one first', () => {
  const ids = new UserIds({ first: 200_000, count: 3 })
  const taken = [ids.take(), ids.take()]
  expect(taken).toEqual([200_000, 200_001])
  ids.release(200_000)
  expect([ids.take(), ids.take()]).toEqual([200_002, 200_000])
  expect(() => ids.take()).toThrow('no user id is free')
})

it('without a range every container has the user nobody', () => {
  const ids = new UserIds(undefined)
  expect([ids.take(), ids.take()]).toEqual([65_534, 65_534])
})

it.each([
  [{ first: 999, count: 9 }, 'userIds.first is not valid, expected 100000 or more'],
  [{ first: 200_000, count: 0 }, 'userIds.count is not valid, expected 1 or more'],
  [{ first: 2 ** 31 - 8, count: 9 }, 'userIds is not valid, expected ids below 2147483648'],
  [{ first: 200_000, count: 3 }, 'userIds.count is 3, expected at least 4'],
])('a pool refuses the user ids %j', (userIds, message) => {
  const languages = { python: { size: 2, max: 4 } }
  expect(() => readSettings({ userIds, languages }, {})).toThrow(message)
})
