import { describe, expect, it } from 'vitest'
import { parseJson, whyNotJson } from '../../../src/util/json.js'

describe('whyNotJson', () => {
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
  ])('returns undefined for %j', (value) => expect(whyNotJson(value)).toBeUndefined())

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
    [cycle, `${'.me'.repeat(34).slice(0, 100)}... is nested too deeply, or contains itself`],
  ])('returns a reason for %o', (value, reason) => expect(whyNotJson(value)).toBe(reason))
})

describe('parseJson', () => {
  it('parses JSON within the limits, with any characters in its strings', () => {
    const value = { a: ['[[[{{{::,,,', 'x\\"[', { 'b:': [] }], c: '\\' }
    expect(parseJson(JSON.stringify(value), { maxDepth: 4, maxNames: 7, maxItems: 3 })).toEqual(
      value,
    )
  })

  it.each([
    ['deeper than 2 levels', '[[[]]]', { maxDepth: 2 }],
    ['more than 4 names', '{"a":1,"b":[{}]}', { maxNames: 4 }],
    ['more than 2 items', '[1,2,3,4]', { maxItems: 2 }],
  ])('refuses JSON with an error that contains "%s"', (message, text, limits) => {
    expect(() => parseJson(text, limits)).toThrow(message)
    expect(() => parseJson(text, limits)).toThrow(RangeError)
  })

  it.each([
    ['100,000 strings', `[${'"",'.repeat(100_000)}0]`],
    ['60,000 fields', `{${'"a":0,'.repeat(60_000)}"a":0}`],
    ['200,000 objects', `[${'{},'.repeat(200_000)}0]`],
  ])('refuses %s, although the limits allow them', (_, text) => {
    expect(() => parseJson(text, { maxNames: 1e9, maxItems: 1e9 })).toThrow('too many strings')
  })

  it('throws a SyntaxError for text that is not JSON', () => {
    expect(() => parseJson('{')).toThrow(SyntaxError)
  })
})
