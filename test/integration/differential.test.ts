import { describe, expect, it } from 'vitest'
import type { AgentName } from '../../src/languages/built-in.js'
import type { Program } from '../helpers/differential.js'
import { programsOf, runByRunCode, runPlain } from '../helpers/differential.js'
import { codesIn, tableOf } from '../helpers/docs.js'
import { languages, places, useLease, usePool } from '../helpers/engine.js'

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

describe.each(places)('a program of $language under $runtime', ({ runtime, language }) => {
  const names = language === 'python' ? ['python'] : ['nodejs', 'typescript']
  const sizes = Object.fromEntries(names.map((name) => [name, { size: 1 }]))
  const pool = usePool({ runtime, pids: 512, languages: sizes })
  const leases = new Map(names.map((name) => [name, useLease(pool, name)]))
  const leaseFor = async (program: Program) => {
    const lease = await leases.get(program.language)?.()
    if (!lease) throw new Error(`${program.name}: there is no lease of ${program.language}`)
    return lease
  }

  const listed = new Set(listedNames(language))
  const programs = programsOf(language)
  const isSlow = runtime === 'runsc' && !runsAll
  const equal = programs
    .filter(({ name }) => !listed.has(name))
    .filter((_, at) => !isSlow || at % PROGRAMS_PER_RUN_UNDER_GVISOR === 0)

  it.each(named(equal))('behaves as in the plain interpreter: %s', async (_, program) => {
    const plain = await runPlain(await leaseFor(program), program)
    expect(await runByRunCode(await leaseFor(program), program)).toEqual(plain)
  })

  it.skipIf(isSlow).each(named(programs.filter(({ name }) => listed.has(name))))(
    'differs, as the page says: %s',
    async (_, program) => {
      const plain = await runPlain(await leaseFor(program), program)
      expect(await runByRunCode(await leaseFor(program), program)).not.toEqual(plain)
    },
  )
})
