import * as formats from './format.js'
import type { Conclude } from './handle.js'
import { ExecHandle } from './handle.js'
import type { RichResult } from '../streams/records.js'
import type { ExecOptions } from './options.js'
import type { Program } from './program.js'
import type { ExecResult } from './result.js'

/** What decides how a handle gives its output. */
type HandleOptions = ExecOptions & {
  onResult?: ((result: RichResult) => unknown) | undefined
}

/**
 * A handle in the format that was asked for. `start` checks the options: what is wrong is for who
 * awaits it.
 */
export function createHandle<Text extends ExecResult, Bytes extends ExecResult<Buffer>>(
  given: HandleOptions,
  conclude: { text: Conclude<string, Text>; bytes: Conclude<Buffer, Bytes> },
  start: () => Program,
): ExecHandle<string, Text> | ExecHandle<Buffer, Bytes> {
  const options = given ?? {}
  const { stdin, onResult } = options
  if (options.format === 'bytes') {
    const { onStdout, onStderr } = options
    const output = { format: formats.bytes, onStdout, onStderr }
    return new ExecHandle(start, { ...output, stdin, onResult, conclude: conclude.bytes })
  }
  const { onStdout, onStderr } = options
  const output = { format: formats.text, onStdout, onStderr }
  return new ExecHandle(start, { ...output, stdin, onResult, conclude: conclude.text })
}
