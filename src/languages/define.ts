import { check } from '../schemas/check.js'
import type { AgentName } from './built-in.js'
import type { ContainerOptions } from './container-options.js'
import { DefinedLanguageSettings } from './definition-schema.js'
import type { SizeOptions } from './size-options.js'
import { shellWords } from '../util/shell-words.js'

/**
 * The commands of a defined language. Its code is written to a file, and the commands compile and
 * run that file.
 */
export interface LanguageCommands extends Pick<ContainerOptions, 'env'> {
  /** The name of the file for the code, in the working directory: `main.c`. */
  file: string
  /** The command that compiles the file, with its arguments: `['cc', '-o', 'main', 'main.c']`. */
  compile?: readonly string[] | undefined
  /**
   * The command that runs the code, with its arguments. The arguments of the call are added to
   * them.
   */
  run: readonly string[]
}

/**
 * A language that is not built in: the argument and the result of `defineLanguage()`. The options of
 * its containers replace those of the pool.
 */
export interface DefinedLanguage extends LanguageCommands, ContainerOptions, SizeOptions {
  /**
   * The name of the language: lowercase letters, digits, `_`, `.` and `-`, beginning with a letter.
   * It must not be the name of a built-in language.
   */
  name: string
  /**
   * The image of the containers. It must have the interpreter or compiler of this language, and the
   * interpreter of the agent.
   */
  image: string
  /** The agent in the containers. `python` needs `python3` in the image, `nodejs` needs `node`. */
  agent: AgentName
  /**
   * Modules that the agent imports when a container starts. The import only checks that the image
   * has the modules: the code runs in another process, and must import them itself.
   *
   * @default none
   */
  preload?: readonly string[] | undefined
}

/**
 * Defines a language that is not built in, for the option `languages` of a pool. A call writes the
 * code to a file, compiles it if the definition has a `compile` command, and runs it.
 *
 * When a pool starts, its first container checks that the image has the interpreter or compiler. If
 * the image does not have it, `pool.start()` throws `SANDBOX_INTERPRETER_MISSING`.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if the definition is not valid.
 *
 * @example
 * ```ts
 * import { defineLanguage, SandboxPool } from 'hono-sandbox'
 *
 * const bash = defineLanguage({
 *   name: 'bash',
 *   image: 'python:3.13-slim', // any image with bash, and with python3 for the agent
 *   agent: 'python',
 *   file: 'main.sh',
 *   run: ['bash', 'main.sh'],
 * })
 * const c = defineLanguage({
 *   name: 'c',
 *   image: 'python:3.13', // an image with a C compiler
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

/** Returns the command that compiles and runs the code, after the code is written to its file. */
export function commandOf(
  { compile, run }: Pick<LanguageCommands, 'compile' | 'run'>,
  args: readonly string[] = [],
): readonly string[] {
  if (!compile) return [...run, ...args]
  // One shell command runs both, so the limits of the call apply to both together. `exec` replaces
  // the shell with the code.
  const script = `${shellWords(compile)} && exec ${shellWords(run)} "$@"`
  return ['/bin/sh', '-c', script, 'sh', ...args]
}

/**
 * Returns the name of the compiler that the image must have, or of the interpreter if there is no
 * compiler. Returns `undefined` if the name is a relative path: that file is in the working
 * directory, not in the image.
 */
export function interpreterOf({
  compile,
  run,
}: Pick<LanguageCommands, 'compile' | 'run'>): string | undefined {
  const [name = ''] = compile ?? run
  const isOfWorkspace = name.includes('/') && !name.startsWith('/')
  return isOfWorkspace ? undefined : name
}
