import type { Context } from 'hono'
import * as v from 'valibot'
import type { Language } from '../src/languages/built-in.js'
import type { RunCodeOptions } from '../src/sandbox/code/options.js'
import type { ExecOptions } from '../src/sandbox/program/options.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import type { RichResult } from '../src/sandbox/streams/rich-result.js'
import { parseJson } from '../src/util/json.js'
import { badMessage } from './socket-messages.js'

/** Options, or a function that returns them when the sandbox is there. It can write files, too. */
type OptionsFor<Options> = Options | ((sandbox: Sandbox) => Options | Promise<Options>) | undefined

/** The program of a conversation: code or a command, with the options of its call. */
export type SocketProgram = {
  /** The language of the container; by default the option `language` of `websocketSandbox()`. */
  language?: Language | undefined
  /**
   * Called when the program has ended, before the lease ends. The client gets the results that it
   * returns before the `exit`: for example files that the program made. If it throws, the client gets
   * an `error` in place of the `exit`.
   */
  atEnd?: ((sandbox: Sandbox) => Promise<readonly RichResult[]>) | undefined
} & (
  | { code: string; options?: OptionsFor<RunCodeOptions> }
  | { command: string | readonly string[]; options?: OptionsFor<ExecOptions> }
)

/** The function that makes the program of a conversation from the first message. */
export type ReadProgram = (message: string, c: Context) => SocketProgram | Promise<SocketProgram>

const Program = v.union([
  v.strictObject({ code: v.string() }),
  v.strictObject({ command: v.string() }),
])

/** Reads `{ "code": "..." }` or `{ "command": "..." }`, with the default options. */
export function readProgram(message: string): SocketProgram {
  try {
    return v.parse(Program, parseJson(message, { maxDepth: 1, maxNames: 10, maxItems: 10 }))
  } catch {
    throw badMessage('the first message: expected {"code": "..."} or {"command": "..."}')
  }
}
