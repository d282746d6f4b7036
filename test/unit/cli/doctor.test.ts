import { expect, it } from 'vitest'
import { doctor, linesOf } from '../../../src/cli/doctor.js'

it('prints a table for each language, with the advice below its line', () => {
  const lines = linesOf({
    isolation: 'none',
    languages: {
      python: {
        isolation: 'none',
        image: 'python:3.13-slim',
        runtime: 'runc',
        findings: [
          { name: 'swap', grade: 'ok', found: 'none' },
          { name: 'seccomp', grade: 'broken', found: 'no filter', advice: 'Add one' },
        ],
      },
    },
  })
  expect(lines).toEqual([
    'python: python:3.13-slim under runc',
    '  ok        swap     none',
    '  broken    seccomp  no filter',
    '                     -> Add one',
    '',
    'isolation: none (a line is broken)',
  ])
})

it.each([
  [['--min', 'high'], '--min is high, expected one of none, weak, container, kernel'],
  [['--mim', 'weak'], "Unknown option '--mim'"],
  [['python'], "Unexpected argument 'python'"],
])('refuses the command line %j', async (args, problem) => {
  const lines: string[] = []
  const output = { say: () => {}, complain: (line: string) => lines.push(line) }
  expect(await doctor(args, output)).toBe(2)
  expect(lines).toEqual([expect.stringContaining(`error: ${problem}`)])
})
