import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  chanceOfWaiting,
  erlangC,
  meanWaitMs,
  placesFor,
  warmFor,
} from '../../../src/pool/queueing.js'

describe('erlangC', () => {
  // By hand, with the formula C = t / (sum of a^k/k! + t), k < c, and t = a^c/c! * c/(c-a).
  // a = 2, c = 3: 4 / (1 + 2 + 2 + 4) = 4/9. One place: C = a. Two places: C = a^2 / (2 + a).
  it.each([
    [3, 2, 4 / 9],
    [1, 0.7, 0.7],
    [2, 1, 1 / 3],
    [2, 1.5, 2.25 / 3.5],
    [10, 8, 0.4092],
  ])('returns the chance of waiting for %d places and %d erlang', (places, load, chance) => {
    expect(erlangC(places, load)).toBeCloseTo(chance, 4)
  })

  it('is between 0 and 1, and does not grow with the number of places', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.double({ min: 0.01, max: 3000, noNaN: true }),
        (places, load) => {
          const [few, more] = [erlangC(places, load), erlangC(places + 1, load)]
          expect(few).toBeGreaterThanOrEqual(more)
          expect(more).toBeGreaterThanOrEqual(0)
          expect(few).toBeLessThanOrEqual(1)
        },
      ),
    )
  })

  it('is 1 if the load is at least the number of places', () => {
    expect(erlangC(8, 8)).toBe(1)
    expect(chanceOfWaiting({ places: 8, rate: 8, boundMs: 1000 }, 60_000)).toBe(1)
    expect(meanWaitMs({ places: 8, rate: 8, boundMs: 1000 })).toBe(Infinity)
  })
})

describe('meanWaitMs and chanceOfWaiting', () => {
  it('agree with the M/M/1 queue for one place', () => {
    // The mean wait is load / (1/bound - rate): 1 s for 0.5 callers a second and a bound of 1 s.
    const model = { places: 1, rate: 0.5, boundMs: 1000 }
    expect(meanWaitMs(model)).toBeCloseTo(1000)
    expect(chanceOfWaiting(model)).toBeCloseTo(0.5)
    expect(chanceOfWaiting(model, 2000)).toBeCloseTo(0.5 * Math.exp(-1))
  })
})

const Rate = fc.double({ min: 0.01, max: 100, noNaN: true })
const Bound = fc.integer({ min: 10, max: 10_000 })

describe('placesFor', () => {
  it('returns the fewest places that keep the percentile', () => {
    fc.assert(
      fc.property(Rate, Bound, fc.constantFrom(90, 99, 99.9), (rate, boundMs, percentile) => {
        const target = { waitMs: 100, percentile }
        const places = placesFor({ rate, boundMs }, target)
        const misses = (100 - percentile) / 100
        expect(chanceOfWaiting({ places, rate, boundMs }, 100)).toBeLessThanOrEqual(misses)
        if (places === 1) return
        const fewer = { places: places - 1, rate, boundMs }
        expect(chanceOfWaiting(fewer, 100)).toBeGreaterThan(misses)
      }),
    )
  })
})

describe('warmFor', () => {
  it('returns the number in the Poisson table', () => {
    // With 1 expected, P(N >= 4) = 0.0190 and P(N >= 5) = 0.0037.
    expect(warmFor({ rate: 2, launchMs: 500 })).toBe(5)
    expect(warmFor({ rate: 2, launchMs: 500 }, { percentile: 98 })).toBe(4)
    expect(warmFor({ rate: 0, launchMs: 500 })).toBe(0)
    expect(warmFor({ rate: 20, launchMs: 500 })).toBe(19)
  })

  it('works if e^-expected is 0 in a double', () => {
    expect(warmFor({ rate: 10_000, launchMs: 1000 })).toBeGreaterThan(10_200)
    expect(warmFor({ rate: 10_000, launchMs: 1000 })).toBeLessThan(10_300)
  })

  it('does not fall with a higher rate, and never exceeds its limit', () => {
    fc.assert(
      fc.property(Rate, Rate, fc.nat(50), (a, b, most) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)]
        const size = (rate: number) => warmFor({ rate, launchMs: 500 }, { most })
        expect(size(low)).toBeLessThanOrEqual(size(high))
        expect(size(high)).toBeLessThanOrEqual(most)
      }),
    )
  })
})
