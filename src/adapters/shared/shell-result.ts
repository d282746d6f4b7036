import { constants } from 'node:os'
import type { ExecEnd, ExecResult } from '../../sandbox/program/result.js'

/** The result of a command in the form that the SDKs share. */
export interface ShellResult {
  exitCode: number
  stdout: string
  stderr: string
}

const SIGNALS = new Map(Object.entries(constants.signals))

/**
 * Returns the exit code. As in a shell, it is 128 plus the number of the signal if a signal ended
 * the program.
 */
export function exitCodeOf({ exitCode, signal }: ExecEnd): number {
  return exitCode ?? 128 + (SIGNALS.get(signal ?? '') ?? 0)
}

/** Returns the result for a model: if the program was killed, the reason is the last line of stderr. */
export function shellResult(result: ExecResult): ShellResult {
  const { stdout, stderr, killedBy } = result
  const lines = killedBy ? [stderr.trimEnd(), `[killed: ${killedBy}]`] : [stderr]
  const text = lines.filter((line) => line !== '').join('\n')
  return { exitCode: exitCodeOf(result), stdout, stderr: text }
}
