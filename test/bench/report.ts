import type { Machine } from './machine.js'
import type { Row } from './rows.js'
import type { Target } from './targets.js'
import { isMet } from './targets.js'

/** The results of one run of the benchmark, as they are saved. */
export interface Results {
  takenAt: string
  machine: Machine
  programs: Readonly<Record<string, string>>
  rows: readonly Row[]
  targets: readonly Target[]
  /** Scenarios that failed, with the reason. */
  failures: readonly string[]
}

/** Returns the results in Markdown, for a terminal and for a page. */
export function markdownOf(results: Results): string {
  const { machine, programs, rows, targets, failures, takenAt } = results
  const about = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}.`,
    `${machine.engine}, Node ${machine.node}, ${machine.python}. Taken ${takenAt.slice(0, 10)}.`,
  ]
  const programLines = Object.entries(programs).map(([language, code]) =>
    code.includes('\n') ? `${language}: a program from a file` : `${language}: \`${code}\``,
  )
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))]
  return [
    ...about,
    programLines.join(', '),
    '',
    ...table(
      ['target', 'bound', 'measured', ''],
      targets.map((target) => [
        target.what,
        'atMost' in target.bound ? `<= ${target.bound.atMost}` : `>= ${target.bound.atLeast}`,
        figure(target.value),
        isMet(target) ? 'met' : 'NOT MET',
      ]),
    ),
    ...failures.map((failure) => `\nFAILED: ${failure}`),
    ...scenarios.map((scenario) => sectionOf(scenario, rows)),
    '',
  ].join('\n')
}

function sectionOf(scenario: string, rows: readonly Row[]): string {
  const found = rows.filter((row) => row.scenario === scenario)
  const head = ['what', 'where', 'at', 'n', 'p50', 'p95', 'p99', 'unit']
  return ['', `### ${scenario}`, '', ...table(head, found.map(cellsOf))].join('\n')
}

function cellsOf({ what, language, runtime, at, n, p50, p95, p99, unit }: Row): string[] {
  const where = `${language}, ${runtime}`
  const spread = [p50, p95, p99].map(figure)
  return [what, where, at === undefined ? '' : String(at), String(n)].concat(spread, unit)
}

/** Formats a value with three significant digits. */
function figure(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return String(Number(value.toPrecision(3)))
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const widths = head.map((cell, at) =>
    Math.max(cell.length, ...body.map((row) => row[at]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)]
}
