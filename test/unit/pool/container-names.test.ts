import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ContainerNames } from '../../../src/pool/container-names.js'

describe('ContainerNames', () => {
  it('reuses a released slot, but never a name', () => {
    const names = new ContainerNames('python', 'f00d42')
    const first = names.take()
    expect(first).toBe('sandbox_python_1.1_f00d42')
    expect(names.take()).toBe('sandbox_python_2.1_f00d42')
    names.release(first)
    names.release(first)
    names.release('an unknown name')
    expect(names.take()).toBe('sandbox_python_1.2_f00d42')
    expect(names.take()).toBe('sandbox_python_3.1_f00d42')
  })

  it('never repeats a name, whatever names are released', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(20))), (steps) => {
        const names = new ContainerNames('nodejs', 'x')
        const taken: string[] = []
        for (const step of steps) {
          if (step === null) taken.push(names.take())
          else names.release(taken[step] ?? '')
        }
        expect(new Set(taken).size).toBe(taken.length)
      }),
    )
  })
})
