import type { BoundedOutput } from '../program/output.js'
import type { Program } from '../program/program.js'
import type { CodeResult, ExecResult } from '../program/result.js'

/**
 * Returns the result of code: the result of its program, and the results and the error of the code.
 */
export function codeResult<Data>(plain: ExecResult<Data>, program: Program): CodeResult<Data> {
  const { results, omitted } = program.output.records
  const text = results.find(({ isMain }) => isMain)?.text
  const result: CodeResult<Data> = {
    ...plain,
    ...(text !== undefined && { text }),
    results,
    ...program.codeEnd(omitted),
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
  const complete = lines.map((line) => `${line}\n`)
  return last === '' ? complete : [...complete, last]
}
