import type { CodeResult, ExecResult, Sandbox } from 'hono-sandbox'

/** The names that LibreChat has for languages, and the language of the pool that runs each one. */
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

/** The script of a shell. It is no file of the user, so it is outside of the working directory. */
const SCRIPT = '/tmp/script.sh'

interface Program {
  lang: string
  code: string
  args: readonly string[]
  timeoutMs: number
}

/** Runs code of a language. A script of a shell runs beside Python, which models call in it. */
export async function runProgram(
  box: Sandbox,
  { lang, code, args, timeoutMs }: Program,
): Promise<CodeResult | ExecResult> {
  if (lang !== 'bash' && lang !== 'sh') return box.runCode(code, { args: [...args], timeoutMs })
  await box.writeFile(SCRIPT, code)
  return box.exec(['bash', SCRIPT, ...args], { timeoutMs })
}
