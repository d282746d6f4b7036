import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { AgentName } from '../../src/languages/built-in.js'
import type { Outcome, Program } from '../helpers/differential.js'
import { programsOf, runByRunCode, runPlain } from '../helpers/differential.js'
import { codesIn, tableOf } from '../helpers/docs.js'
import { languages, runtimes, useLease, usePool } from '../helpers/engine.js'

/** Under gVisor a program starts slowly: every twelfth program runs there. */
const PROGRAMS_PER_RUN_UNDER_GVISOR = 12
const runsAll = process.env.HONO_SANDBOX_CONTRACT === 'all'

const PAGE = 'docs/differences.md'
const TABLES: Record<AgentName, string> = { python: 'In Python', nodejs: 'In JavaScript' }

/** The names of the programs that differ for a reason that the page gives. */
const listedNames = (language: AgentName) =>
  tableOf(PAGE, TABLES[language]).rows.flatMap((row) => codesIn(row.at(-1) ?? ''))

/** Vitest shortens long names unless they are values of their own. */
const named = (programs: readonly Program[]) =>
  programs.map((program) => [program.name, program] as const)

it.each(languages)('each name of a program of %s is unique, and is listed once', (language) => {
  const names = programsOf(language).map(({ name }) => name)
  expect(names).toEqual([...new Set(names)])
  const listed = listedNames(language)
  expect(listed).toEqual([...new Set(listed)])
  expect(names).toEqual(expect.arrayContaining(listed))
})

/** The leases of a runtime, one for each kind of programs. */
function useLeases(runtime: string, agent: AgentName) {
  const names = agent === 'python' ? ['python'] : ['nodejs', 'typescript']
  const languages = Object.fromEntries(names.map((name) => [name, { size: 1, max: 1 }]))
  const pool = usePool({ runtime, pids: 512, languages })
  const leases = new Map(names.map((name) => [name, useLease(pool, name)]))
  return async ({ name, language }: Program) => {
    const lease = await leases.get(language)?.()
    if (!lease) throw new Error(`${name}: there is no lease of ${language}`)
    return lease
  }
}

describe.each(languages)('a program of %s', (language) => {
  const [first = 'runc'] = runtimes
  const leaseFor = useLeases(first, language)
  const outcomes = new Map<Program, Promise<Outcome>>()
  /** The plain interpreter runs each program once, under the first runtime. */
  const plainOutcome = (program: Program) => {
    const outcome =
      outcomes.get(program) ?? leaseFor(program).then((lease) => runPlain(lease, program))
    outcomes.set(program, outcome)
    return outcome
  }

  const listed = new Set(listedNames(language))
  const programs = programsOf(language)

  describe.each(runtimes)('under %s', (runtime) => {
    const leaseHere = runtime === first ? leaseFor : useLeases(runtime, language)
    const isSlow = runtime === 'runsc' && !runsAll
    const equal = programs
      .filter(({ name }) => !listed.has(name))
      .filter((_, at) => !isSlow || at % PROGRAMS_PER_RUN_UNDER_GVISOR === 0)

    it.each(named(equal))('behaves as in the plain interpreter: %s', async (_, program) => {
      const outcome = await runByRunCode(await leaseHere(program), program)
      const plain = await plainOutcome(program)
      if (runtime === first || isDeepStrictEqual(outcome, plain)) expect(outcome).toEqual(plain)
      // The program shows something of the kernel.
      else expect(outcome).toEqual(await runPlain(await leaseHere(program), program))
    })

    it.skipIf(isSlow).each(named(programs.filter(({ name }) => listed.has(name))))(
      'differs, as the page says: %s',
      async (_, program) => {
        const outcome = await runByRunCode(await leaseHere(program), program)
        expect(outcome).not.toEqual(await plainOutcome(program))
        if (runtime !== first)
          expect(outcome).not.toEqual(await runPlain(await leaseHere(program), program))
      },
    )
  })
})
