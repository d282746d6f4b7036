import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { LinkedSet } from '../../../src/util/linked-set.js'
import { cases } from '../fakes/property.js'

it('a LinkedSet has the values, the order and the first value of a Set', () => {
  const Step = fc.record({ isAdded: fc.boolean(), value: fc.nat(8) })
  fc.assert(
    fc.property(fc.array(Step, { maxLength: 40 }), (steps) => {
      const set = new Set<number>()
      const linked = new LinkedSet<number>()
      for (const { isAdded, value } of steps) {
        if (isAdded) set.add(value)
        else set.delete(value)
        if (isAdded) linked.add(value)
        else linked.delete(value)
        expect(linked.first).toBe([...set][0])
        expect(linked.size).toBe(set.size)
        expect([...linked]).toEqual([...set])
      }
    }),
    cases(500),
  )
})
