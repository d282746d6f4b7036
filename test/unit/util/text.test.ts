import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { shorten, textOf, wholeCharacters } from '../../../src/util/text.js'

it('a cut text ends with a whole character, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, end) => {
      const bytes = Buffer.from(text)
      const whole = wholeCharacters(bytes.subarray(0, end))
      expect(text).toContain(new TextDecoder('utf-8', { fatal: true }).decode(whole))
      expect(Math.min(end, bytes.length) - whole.length).toBeLessThan(4)
    }),
  )
})

it('bytes that are no text have none', () => {
  expect(textOf(Buffer.from([0xff]))).toBeUndefined()
  expect(textOf(Buffer.from('a\0b'))).toBeUndefined()
  expect(textOf(Buffer.from('\ufeffa'))).toBe('\ufeffa')
})

it('a shortened text has the length and both ends', () => {
  expect(shorten('abcdef', 6)).toBe('abcdef')
  expect(shorten('abcdefg', 4)).toBe('ab\n[... 3 characters were left out ...]\nfg')
  expect(shorten('abc', 0)).toBe('\n[... 3 characters were left out ...]\n')
})
