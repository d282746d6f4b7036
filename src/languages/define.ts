import { check } from '../schemas/check.js'
import type { AgentName } from './built-in.js'
import { DefinedLanguageSettings } from './definition-schema.js'
import { shellWords } from '../util/shell-words.js'
import type { SizeBounds } from '../pool/warm-size.js'

/** How code of a defined language runs: it is written to a file, and commands compile and run it. */
export interface LanguageCommands {
  /** The name that the code is written to, in the working directory: `main.c`. */
  file: string
  /** The command that is run first, with its arguments: `['cc', '-o', 'main', 'main.c']`. */
  compile?: readonly string[] | undefined
  /** The command that runs the code, with its arguments; the arguments of the call come after. */
  run: readonly string[]
  /** Variables of compiler and code. Those of a call win over them. */
  env?: Readonly<Record<string, string>> | undefined
}

/** A language of one's own, for `defineLanguage()`. */
export interface DefinedLanguage extends LanguageCommands {
  /** Its name: small letters, digits, `_`, `.` and `-`, and none of the built-in ones. */
  name: string
  /** The image, with the language's own interpreter or compiler, and with that of the agent. */
  image: string
  /** Which agent serves it: the image must have `python3` or `node`. */
  agent: AgentName
  /**
   * Modules that the agent imports when a container starts: a check that the image has them. The code
   * is a process of its own, and imports them itself.
   *
   * @default none
   */
  preload?: readonly string[] | undefined
  /**
   * How many containers are kept warm. With `{ min, max }` the pool chooses between them, by how
   * many callers come during one launch; it begins with `min`.
   *
   * @default SANDBOX_POOL_SIZE, else 2
   */
  size?: number | SizeBounds | undefined
  /**
   * How many may live at once, launching and dying ones included.
   *
   * @default twice the size, or the largest that it may choose
   */
  max?: number | undefined
}

/**
 * Defines a language that is not built in, for `languages` of a pool. Its code is written to a file
 * and run by a command, if need be after another command has compiled it.
 *
 * The pool's first container looks whether the image has the interpreter or compiler; if not,
 * `pool.start()` throws `SANDBOX_INTERPRETER_MISSING`.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`
 *
 * @example
 * ```ts
 * import { defineLanguage, SandboxPool } from 'hono-sandbox'
 *
 * const bash = defineLanguage({
 *   name: 'bash',
 *   image: 'python:3.13-slim', // any that has bash, and python3 for the agent
 *   agent: 'python',
 *   file: 'main.sh',
 *   run: ['bash', 'main.sh'],
 * })
 * const c = defineLanguage({
 *   name: 'c',
 *   image: 'python:3.13', // with a compiler
 *   agent: 'python',
 *   file: 'main.c',
 *   compile: ['cc', '-o', 'main', 'main.c'],
 *   run: ['./main'],
 * })
 * const pool = new SandboxPool({ languages: { python: {}, bash, c } })
 * console.log(Object.keys(pool.stats()))
 * await pool.close()
 * ```
 */
export function defineLanguage(definition: DefinedLanguage): DefinedLanguage {
  return check(DefinedLanguageSettings, definition, 'defineLanguage')
}

/** The command that runs code of a language, once its file is written. */
export function commandOf(
  { compile, run }: Pick<LanguageCommands, 'compile' | 'run'>,
  args: readonly string[] = [],
): readonly string[] {
  if (!compile) return [...run, ...args]
  // One command, so that both are within the one call's limits; the code takes the shell's place.
  const script = `${shellWords(compile)} && exec ${shellWords(run)} "$@"`
  return ['/bin/sh', '-c', script, 'sh', ...args]
}

/**
 * The name of what the image must have: the compiler, or else the interpreter. `undefined` if it
 * is not the image's.
 */
export function interpreterOf({
  compile,
  run,
}: Pick<LanguageCommands, 'compile' | 'run'>): string | undefined {
  const [name = ''] = compile ?? run
  const isOfWorkspace = name.includes('/') && !name.startsWith('/')
  return isOfWorkspace ? undefined : name
}
