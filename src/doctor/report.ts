import type { Isolation } from '../schemas/isolation.js'
import type { Evidence, Grade, Problem } from './probes/evidence.js'
import { FILES } from './probes/files.js'
import { KERNEL, runsOnOwnKernel } from './probes/kernel.js'
import { LIMITS } from './probes/limits.js'
import { NETWORK } from './probes/network.js'
import { RIGHTS } from './probes/rights.js'

/** One line of the report of the doctor. */
export interface Finding {
  /** The name of the probe, which never changes: `seccomp`, `memory`, `host-files`. */
  name: string
  /**
   * `ok`; `note`: no defence is missing, but there is a remark; `unproven`: only something outside the
   * container gives the defence, such as a policy of the network; `weak`: a defence is missing or could
   * not be measured; `broken`: a program can use more than it was given.
   */
  grade: Grade
  /** The facts that were found. */
  found: string
  /** The instructions to make the line `ok`. It is absent if the line is `ok`. */
  advice?: string
}

/** The report of the doctor about the containers of one language. */
export interface LanguageReport {
  /** The isolation that all lines together give. */
  isolation: Isolation
  image: string
  runtime: string
  findings: Finding[]
}

const PROBES = [...KERNEL, ...RIGHTS, ...FILES, ...LIMITS, ...NETWORK]
const GRADES: readonly Grade[] = ['ok', 'note', 'unproven', 'weak', 'broken']

/** Judges all facts about a container. */
export function judge(evidence: Evidence): Pick<LanguageReport, 'isolation' | 'findings'> {
  const findings = PROBES.map(({ name, found, problems }): Finding => {
    const list = problems(evidence)
    if (list.length === 0) return { name, grade: 'ok', found: found(evidence) }
    return {
      name,
      grade: worst(list),
      found: list.map((problem) => problem.found).join('; '),
      advice: [...new Set(list.map((problem) => problem.advice))].join('. '),
    }
  })
  return { isolation: isolationOf(findings, runsOnOwnKernel(evidence)), findings }
}

function isolationOf(findings: readonly Finding[], hasOwnKernel: boolean): Isolation {
  const grades = new Set(findings.map(({ grade }) => grade))
  if (grades.has('broken')) return 'none'
  if (grades.has('weak') || grades.has('unproven')) return 'weak'
  return hasOwnKernel ? 'kernel' : 'container'
}

function worst(problems: readonly Problem[]): Grade {
  const found = new Set<Grade>(problems.map(({ grade }) => grade))
  return GRADES.findLast((grade) => found.has(grade)) ?? 'ok'
}
