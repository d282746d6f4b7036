import type { Sandbox } from '../../sandbox/sandbox.js'
import { shorten } from '../../util/text.js'
import type { OpenAiOptions } from './types.js'
import { shellCommand } from '../shared/shell-command.js'
import { exitCodeOf } from '../shared/shell-result.js'

/** The commands of one call of the model. They run one after the other. */
export interface OpenAiShellAction {
  commands: string[]
  timeoutMs?: number
  maxOutputLength?: number
}

/**
 * The result of one command. It is a type: the SDK needs a record, and an interface is not a
 * record.
 */
export type OpenAiShellOutput = {
  stdout: string
  stderr: string
  outcome: { type: 'timeout' } | { type: 'exit'; exitCode: number | null }
}

/** The `Shell` of the SDK. */
export interface OpenAiShell {
  run(action: OpenAiShellAction): Promise<{ output: OpenAiShellOutput[]; maxOutputLength?: number }>
}

/**
 * Makes the shell that `shellTool()` of `@openai/agents` uses. Each command runs in `/workspace`
 * with bash, or with `/bin/sh` if the image has no bash. Its time limit is the `timeoutMs` of the
 * model, else the `timeoutMs` of the options. If a command exceeds its time limit, the commands
 * after it do not run.
 *
 * @throws SandboxError, from `run()`, as `exec()` of {@link Sandbox} does.
 *
 * @example
 * ```ts
 * import { shellTool } from '@openai/agents'
 * import { SandboxPool } from 'hono-sandbox'
 * import { openaiShell } from 'hono-sandbox/adapters'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const sandbox = await pool.acquire('python')
 * const tool = shellTool({ shell: openaiShell(sandbox) })
 * console.log(await tool.shell?.run({ commands: ['python3 --version'] }))
 * sandbox.release()
 * await pool.close()
 * ```
 */
export function openaiShell(sandbox: Sandbox, options: OpenAiOptions = {}): OpenAiShell {
  return {
    run: async ({ commands, timeoutMs = options.timeoutMs, maxOutputLength }) => {
      const { signal } = options
      const output: OpenAiShellOutput[] = []
      for (const command of commands) {
        signal?.throwIfAborted()
        const result = await sandbox.exec(shellCommand(command), { timeoutMs, signal })
        signal?.throwIfAborted()
        const hasTimedOut = result.killedBy === 'timeout'
        const length = maxOutputLength ?? Number.POSITIVE_INFINITY
        output.push({
          stdout: shorten(result.stdout, length),
          stderr: shorten(result.stderr, length),
          outcome: hasTimedOut
            ? { type: 'timeout' }
            : { type: 'exit', exitCode: exitCodeOf(result) },
        })
        if (hasTimedOut) break
      }
      return { output, ...(maxOutputLength !== undefined && { maxOutputLength }) }
    },
  }
}
