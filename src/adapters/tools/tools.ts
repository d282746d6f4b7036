import type { Sandbox } from '../../sandbox/sandbox.js'
import { shorten } from '../../util/text.js'
import { contextIn } from './context.js'
import { writeWithFolders } from '../shared/files.js'
import { shellCommand } from '../shared/shell-command.js'
import type { ShellResult } from '../shared/shell-result.js'
import { shellResult } from '../shared/shell-result.js'
import type { TextInputs } from './text-inputs.js'
import { textInputs } from './text-inputs.js'
import type { CodeOutput, ModelOutput } from './output.js'
import { codeOutput, forModel } from './output.js'

/** A tool of the package `ai` 5 or later. */
export interface SandboxTool<Name extends string, Output> {
  description: string
  inputSchema: TextInputs<Name>
  execute: (input: Record<Name, string>, options: { abortSignal?: AbortSignal }) => Promise<Output>
}

/**
 * The tools that {@link tools} makes. It is a type, because an interface is not a record of tools.
 */
export type SandboxTools = {
  runCode: SandboxTool<'code', CodeOutput> & {
    toModelOutput: (result: { output: CodeOutput }) => ModelOutput
  }
  exec: SandboxTool<'command', ShellResult>
  readFile: SandboxTool<'path', string>
  writeFile: SandboxTool<'path' | 'content', string>
}

/** The options of {@link tools}. */
export interface ToolsOptions {
  /**
   * The time limit of a program, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * The greatest length of stdout, of stderr, and of a file that is read, in characters. Of a
   * longer text, the middle is left out.
   *
   * @default 20_000
   */
  maxTextLength?: number | undefined
}

/**
 * Makes tools for a model: `runCode`, `exec`, `readFile` and `writeFile`, as the option `tools` of the
 * package `ai` has them. Variables of `runCode` stay from one call to the next. The model sees the
 * images that the code displayed.
 *
 * If the call of a tool is aborted, its program ends, and the tool throws the reason of the signal.
 *
 * @throws SandboxError from a tool, as the calls of {@link Sandbox} do. The model gets its message.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 * import { tools } from 'hono-sandbox/adapters'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const sandbox = await pool.acquire('python')
 * const { runCode } = tools(sandbox) // tools(sandbox) is an option of generateText()
 * console.log(await runCode.execute({ code: '6 * 7' }, {}))
 * sandbox.release()
 * await pool.close()
 * ```
 */
export function tools(sandbox: Sandbox, options: ToolsOptions = {}): SandboxTools {
  const { timeoutMs, maxTextLength = 20_000 } = options
  const context = contextIn(sandbox)
  return {
    runCode: {
      description:
        `Runs ${sandbox.language} code in an isolated container. Returns its output, the value of ` +
        'its last expression and the images that it displayed. Variables, imports and files stay.',
      inputSchema: textInputs({ code: 'The source code.' }),
      execute: async ({ code }, { abortSignal: signal }) => {
        signal?.throwIfAborted()
        const result = await sandbox.runCode(code, { context: await context(), timeoutMs, signal })
        signal?.throwIfAborted()
        return codeOutput(result, maxTextLength)
      },
      toModelOutput: ({ output }) => forModel(output),
    },
    exec: {
      description: 'Runs a shell command in the container, in /workspace.',
      inputSchema: textInputs({ command: 'The command line.' }),
      execute: async ({ command }, { abortSignal: signal }) => {
        signal?.throwIfAborted()
        const result = shellResult(await sandbox.exec(shellCommand(command), { timeoutMs, signal }))
        signal?.throwIfAborted()
        const short = (text: string) => shorten(text, maxTextLength)
        return { ...result, stdout: short(result.stdout), stderr: short(result.stderr) }
      },
    },
    readFile: {
      description: 'Reads a text file of the container.',
      inputSchema: textInputs({ path: 'The path of the file, relative to /workspace.' }),
      execute: async ({ path }, { abortSignal: signal }) =>
        shorten(await sandbox.readFile(path, { format: 'text', signal }), maxTextLength),
    },
    writeFile: {
      description: 'Writes a text file in the container, and makes the folders above it.',
      inputSchema: textInputs({
        path: 'The path of the file, relative to /workspace.',
        content: 'The complete content of the file.',
      }),
      execute: async ({ path, content }, { abortSignal: signal }) => {
        await writeWithFolders(sandbox, path, content, { signal })
        return `wrote ${path}`
      },
    },
  }
}
