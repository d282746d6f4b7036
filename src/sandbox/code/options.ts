import type { ExecOptions } from '../program/options.js'
import type { RichResult } from '../streams/records.js'
import type { CodeContext } from './contexts.js'

/** What {@link Sandbox.runCode} takes beside the code. */
export type RunCodeOptions = ExecOptions & CodeOptions

/** What code alone takes. */
export interface CodeOptions {
  /** The program's arguments: `sys.argv[1:]`, `process.argv.slice(2)`. */
  args?: readonly string[] | undefined
  /**
   * The context it runs in, of `createCodeContext()`, or its id. `cwd` and `env` are the context's
   * then; it has no `args`, and its stdin is at its end.
   *
   * @default a fresh interpreter of its own
   */
  context?: CodeContext | string | undefined
  /** Called with what the code shows. What it returns is awaited before more is read. */
  onResult?: ((result: RichResult) => unknown) | undefined
}
