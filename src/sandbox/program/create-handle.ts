import * as formats from './format.js'
import type { Conclude } from './handle.js'
import { ExecHandle } from './handle.js'
import type { RichResult } from '../streams/rich-result.js'
import type { ExecOptions } from './options.js'
import type { Program } from './program.js'
import type { ExecResult } from './result.js'

/** The options that decide how a handle delivers its output. */
type HandleOptions = ExecOptions & {
  onResult?: ((result: RichResult) => unknown) | undefined
}

/**
 * Creates a handle that delivers text or bytes, as the options say. `start` checks the options and
 * creates the program. If it throws, the handle rejects with the error.
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
