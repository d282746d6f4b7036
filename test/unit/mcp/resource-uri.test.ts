import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { fileOf, uriOf } from '../../../src/mcp/resource-uri.js'

it('the address of a file leads to the file', () => {
  const segment = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter((name) => !/^\.{0,2}$|\//.test(name))
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1 }), (names) => {
      const path = names.join('/')
      const uri = new URL(uriOf('Ab_-9', path))
      expect(fileOf(uri)).toEqual({ session: 'Ab_-9', path })
    }),
  )
  expect(fileOf(new URL('sandbox://id/%zz'))).toBeUndefined()
})
