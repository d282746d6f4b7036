import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { AgentName } from '../../../src/languages/built-in.js'
import type { Bench, Contender } from '../bench.js'

const TRIES = 5

const INTERPRETERS: Readonly<Record<AgentName, () => string>> = {
  python: () => (python ??= fastestPython()),
  nodejs: () => process.execPath,
}
let python: string | undefined

/**
 * Returns the fastest Python of the machine. A version manager puts a script on the PATH that searches
 * for the interpreter, and the Python of the distribution may start in a third of the time.
 */
function fastestPython(): string {
  const found = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'])
  const candidates = [found.toString().trim(), '/usr/bin/python3'].filter(existsSync)
  const times = candidates.map((command) => {
    const tries = Array.from({ length: TRIES }, () => {
      const start = performance.now()
      execFileSync(command, ['-c', 'pass'])
      return performance.now() - start
    })
    return { command, ms: Math.min(...tries) }
  })
  return times.sort((a, b) => a.ms - b.ms)[0]?.command ?? 'python3'
}
const FLAGS: Readonly<Record<AgentName, string>> = { python: '-c', nodejs: '-e' }

/** Returns the command line that runs a program in a new interpreter. */
export function argvOf(language: AgentName, interpreter: string, program: string): string[] {
  return [interpreter, FLAGS[language], program]
}

/** Only PATH, as in a container: other variables, for example of certificates, double the start of Node. */
const { PATH } = process.env

/** A process on the host without isolation: the lower bound of all contenders. */
export function bare({ language, program }: Pick<Bench, 'language' | 'program'>): Contender {
  const [command = '', ...args] = argvOf(language, INTERPRETERS[language](), program)
  return {
    what: 'bare process on the host',
    where: 'host',
    run: () => outputOf(command, args, { env: { PATH } }),
    settle: async () => {},
    close: async () => {},
  }
}

/** Runs a command on the host and returns its output. Throws if the exit code is not 0. */
export async function outputOf(
  command: string,
  args: readonly string[],
  { input, env }: { input?: Uint8Array; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(env && { env }) })
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  child.stdin.on('error', () => {}) // the command may end before it has read its input
  child.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  if (code !== 0) throw new Error(`${command} ${args[0] ?? ''} has exited with ${code}: ${stderr}`)
  return stdout
}
