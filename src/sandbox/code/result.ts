import type { BoundedOutput } from '../program/output.js'
import type { Program } from '../program/program.js'
import type { CodeResult, ExecResult } from '../program/result.js'

/** What came of code: of its program, and what it has said beside its output. */
export function codeResult<Data>(plain: ExecResult<Data>, program: Program): CodeResult<Data> {
  const { results, left } = program.output.records
  const text = results.find(({ isMain }) => isMain)?.text
  const result: CodeResult<Data> = {
    ...plain,
    ...(text !== undefined && { text }),
    results,
    ...program.codeEnd(left),
    get logs() {
      const { stdout, stderr } = program.output.kept
      return { stdout: linesOf(stdout), stderr: linesOf(stderr) }
    },
  }
  return Object.defineProperty(result, 'logs', { enumerable: false })
}

function linesOf(output: BoundedOutput): string[] {
  const lines = output.toString().split('\n')
  const last = lines.pop() ?? ''
  const ended = lines.map((line) => `${line}\n`)
  return last === '' ? ended : [...ended, last]
}
