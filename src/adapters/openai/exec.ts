import type { ProgramOptions } from '../../sandbox/program/options.js'
import type { Sandbox } from '../../sandbox/sandbox.js'
import { shorten } from '../../util/text.js'
import type { OpenAiCommand, OpenAiExecResult } from './types.js'
import { shellCommand } from '../shared/shell-command.js'
import { shellResult } from '../shared/shell-result.js'

/** The greatest output of a command, in bytes. A command that writes more is killed. */
const MAX_OUTPUT_BYTES = 1_048_576
/** The number of characters that the SDK counts as a token. */
const CHARACTERS_OF_TOKEN = 4

/** Runs a command to its end. `output` has stdout and stderr in the order in which they arrived. */
export async function execIn(
  sandbox: Sandbox,
  { cmd, shell, workdir: cwd, maxOutputTokens = MAX_OUTPUT_BYTES }: OpenAiCommand,
  options: Pick<ProgramOptions, 'env' | 'signal' | 'timeoutMs'>,
): Promise<OpenAiExecResult> {
  options.signal?.throwIfAborted()
  let output = ''
  const write = (text: string) => void (output += text)
  const result = await sandbox.exec(shell === undefined ? shellCommand(cmd) : [shell, '-c', cmd], {
    ...options,
    cwd,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    onStdout: write,
    onStderr: write,
  })
  options.signal?.throwIfAborted()
  if (result.killedBy) write(`\n[killed: ${result.killedBy}]`)
  return {
    ...shellResult(result),
    output: shorten(output, maxOutputTokens * CHARACTERS_OF_TOKEN),
    wallTimeSeconds: result.durationMs / 1000,
  }
}
