import type { ExecOptions } from '../program/options.js'
import type { RichResult } from '../streams/rich-result.js'
import type { CodeContext } from './contexts.js'

/** The options of {@link Sandbox.runCode}. */
export type RunCodeOptions = ExecOptions & CodeOptions

/** The options that only `runCode()` has; the others are the options of `exec()` too. */
export interface CodeOptions {
  /**
   * The arguments of the program: `sys.argv[1:]` in Python, `process.argv.slice(2)` in JavaScript.
   */
  args?: readonly string[] | undefined
  /**
   * The context that the code runs in: a result of `createCodeContext()`, or its id. The run then
   * has the `cwd` and the `env` of the context, no `args`, and an empty stdin.
   *
   * @default a fresh interpreter of its own
   */
  context?: CodeContext | string | undefined
  /**
   * Called with each result that the code shows. If it returns a promise, the promise is awaited
   * before more output is read.
   */
  onResult?: ((result: RichResult) => unknown) | undefined
}
