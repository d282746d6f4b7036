import type { CodeResult, ExecResult, Sandbox } from 'hono-sandbox'

/** The names of languages in LibreChat, and the language of the pool that runs each of them. */
export const LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['py', 'python'],
  ['python', 'python'],
  ['bash', 'python'],
  ['sh', 'python'],
  ['js', 'nodejs'],
  ['javascript', 'nodejs'],
  ['node', 'nodejs'],
  ['ts', 'typescript'],
  ['typescript', 'typescript'],
])

/**
 * The path of a shell script. It is outside of the working directory, so it is not a file of the
 * user.
 */
const SCRIPT = '/tmp/script.sh'

interface Program {
  lang: string
  code: string
  args: readonly string[]
  timeoutMs: number
}

/**
 * Runs code of a language. A shell script runs in a container of Python, because it may call
 * Python.
 */
export async function runProgram(
  box: Sandbox,
  { lang, code, args, timeoutMs }: Program,
): Promise<CodeResult | ExecResult> {
  if (lang !== 'bash' && lang !== 'sh') return box.runCode(code, { args: [...args], timeoutMs })
  await box.writeFile(SCRIPT, code)
  return box.exec(['bash', SCRIPT, ...args], { timeoutMs })
}
