import type { Sandbox } from '../sandbox/sandbox.js'
import type { ProbeSources } from './sources.js'
import { probeSources } from './sources.js'

/** The time limit of a program of the doctor. */
export const STEP_MS = 20_000

/** How the program that measures is started, by the language of the agent. */
const COMMANDS: Readonly<Record<keyof ProbeSources, readonly string[]>> = {
  python: ['python3', '-I', '-c'],
  nodejs: ['node', '-e'],
}

/** Runs one step of the program that measures. */
export async function runStep(
  sandbox: Sandbox,
  agent: keyof ProbeSources,
  step: string,
  ...input: readonly unknown[]
) {
  const source = probeSources()[agent]
  const command = [...COMMANDS[agent], source, step, JSON.stringify(input)]
  return sandbox.exec(command, { timeoutMs: STEP_MS })
}

/** Returns the answer of a step; `undefined` if it gave none. */
export function answerOf(result: { stdout: string } | undefined): unknown {
  try {
    return JSON.parse(result?.stdout ?? '')
  } catch {
    return undefined
  }
}
