import type { CallResult, Sandbox } from 'hono-sandbox'
import type { Answer } from './answer.js'
import { answer } from './answer.js'
import { collectArtifacts, FOLDER } from './artifacts.js'
import { programFailure } from './failures.js'
import type { Run } from './request.js'

/** Calls `main` in JavaScript. If `main` returns `undefined`, RAGFlow expects an error. */
const CALL_MAIN = `

async function __ragflow_main(args) {
  const value = await main(args)
  if (value === undefined) throw new Error('main() must return a value. Use null for an empty result.')
  return value
}
`

/** Calls `main` of the code with the arguments of the request. */
export async function runMain(box: Sandbox, run: Run, timeoutMs: number): Promise<Answer> {
  await box.mkdir(FOLDER)
  const call = await callMain(box, run, timeoutMs)
  const used = {
    time_used_ms: call.durationMs,
    memory_used_kb: Math.round((call.usage?.maxRssBytes ?? 0) / 1024),
  }
  // A program that exits with 0 has succeeded, but it has no result. RAGFlow does the same.
  const isExit = !call.ok && call.reason === 'exited' && call.exitCode === 0
  if (!call.ok && !isExit) return { ...programFailure(call), ...used }
  return answer({
    status: 'success',
    exit_code: 0,
    stdout: call.stdout,
    stderr: call.stderr,
    artifacts: await collectArtifacts(box),
    result: call.ok ? { present: true, value: call.value, type: 'json' } : null,
    ...used,
  })
}

async function callMain(box: Sandbox, run: Run, timeoutMs: number): Promise<CallResult> {
  const { code_b64: code, language, arguments: args } = run
  if (language === 'python') return box.call(code, { kwargs: args, timeoutMs })
  return box.call(code + CALL_MAIN, { entry: '__ragflow_main', args: [args], timeoutMs })
}
