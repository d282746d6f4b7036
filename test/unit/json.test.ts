import { describe, expect, it } from 'vitest'
import { isDeeperThan, whyNotJson } from '../../src/json.js'

describe('what is JSON', () => {
  it.each([
    null,
    '',
    0,
    -1.5,
    true,
    [],
    {},
    { a: [{ b: null }], c: undefined },
    Object.create(null),
  ])('is %j', (value) => expect(whyNotJson(value)).toBeUndefined())

  const cycle: Record<string, unknown> = {}
  cycle.me = cycle
  it.each([
    [Number.NaN, 'it is NaN'],
    [{ a: [1, Infinity] }, '.a[1] is Infinity'],
    [[undefined], '[0] is undefined'],
    [{ f: () => 1 }, '.f is a function'],
    [{ big: 1n }, '.big is a bigint'],
    [{ at: new Date(0) }, '.at is not a plain object'],
    [new Map(), 'it is not a plain object'],
    [cycle, `${'.me'.repeat(34).slice(0, 100)}... is nested too deeply, or in itself`],
  ])('is not %o', (value, why) => expect(whyNotJson(value)).toBe(why))
})

it('counts levels', () => {
  expect(isDeeperThan(1, [1])).toBe(false)
  expect(isDeeperThan(1, [[]])).toBe(true)
  expect(isDeeperThan(0, 'x')).toBe(false)
  expect(isDeeperThan(2, { a: { b: [] } })).toBe(true)
})
