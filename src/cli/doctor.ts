import { parseArgs } from 'node:util'
import type { Finding } from '../doctor/report.js'
import { SandboxError } from '../errors.js'
import type { DoctorReport } from '../pool-doctor.js'
import { SandboxPool } from '../sandbox-pool.js'
import type { Isolation } from '../schemas/isolation.js'
import { isBelow, ISOLATION_LEVELS } from '../schemas/isolation.js'

/** The functions that print one line each. */
interface Output {
  say: (line: string) => void
  complain: (line: string) => void
}

const OPTIONS = {
  min: { type: 'string', default: 'container' },
  language: { type: 'string', multiple: true },
  runtime: { type: 'string' },
  json: { type: 'boolean' },
} as const

/**
 * Runs `hono-sandbox doctor`: examines a container of each language, with the settings of the `SANDBOX_*`
 * variables. Returns the exit code: 1 if the isolation is below `--min` or could not be examined, 2 for an
 * invalid command line.
 */
export async function doctor(args: string[], { say, complain }: Output): Promise<number> {
  const query = read(args)
  if (typeof query === 'string') {
    complain(`error: ${query}`)
    return 2
  }
  try {
    const report = await examine(query.languages, query.runtime)
    if (query.isJson) say(JSON.stringify(report, undefined, 2))
    else for (const line of linesOf(report)) say(line)
    if (!isBelow(report.isolation, query.min)) return 0
    complain(`error: the isolation is ${report.isolation}, expected ${query.min} or more`)
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    complain(`error: ${error.message}`)
  }
  return 1
}

/** Returns the parsed command line, or the problem with it. */
function read(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: OPTIONS })
    const min = ISOLATION_LEVELS.find((level) => level === values.min)
    if (!min) return `--min is ${values.min}, expected one of ${ISOLATION_LEVELS.join(', ')}`
    return {
      min,
      languages: values.language ?? ['python', 'nodejs'],
      runtime: values.runtime,
      isJson: values.json ?? false,
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function examine(
  languages: readonly string[],
  runtime: string | undefined,
): Promise<DoctorReport> {
  const entries = languages.map((language) => [language, { size: 0 }] as const)
  const pool = new SandboxPool({ runtime, languages: Object.fromEntries(entries) })
  try {
    return await pool.doctor()
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}

const MEANING: Readonly<Record<Isolation, string>> = {
  none: 'a line is broken',
  weak: 'a line is weak',
  container: 'no line is weak or broken; the kernel of the host is shared',
  kernel: 'no line is weak or broken; programs run on a kernel of their own',
}

/** Returns the report as a table for each language, with the advice below the line that it is for. */
export function linesOf({ languages, isolation }: DoctorReport): string[] {
  const tables = Object.entries(languages).flatMap(([language, report]) =>
    tableOf(`${language}: ${report.image} under ${report.runtime}`, report.findings),
  )
  return [...tables, `isolation: ${isolation} (${MEANING[isolation]})`]
}

function tableOf(title: string, findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const rows = findings.flatMap(({ name, grade, found, advice }) => {
    const row = `  ${grade.padEnd(8)}  ${name.padEnd(width)}  ${found}`
    return advice === undefined ? [row] : [row, `${' '.repeat(width + 14)}-> ${advice}`]
  })
  return [title, ...rows, '']
}
