import { bytesOf } from '../streams/content.js'
import { SandboxError } from '../../errors.js'
import type { Program } from './program.js'

/**
 * A program's stdin while it runs. A write waits for the program to read. Where it was told its end
 * before, there is none to write to.
 */
export function stdinOf(program: Program | undefined): WritableStream<string | Uint8Array> {
  return new WritableStream({
    async write(chunk) {
      const bytes = bytesOf(chunk)
      if (!program) {
        throw new SandboxError('SANDBOX_STDIN_CLOSED', 'the program has been told its end', {
          suggestion:
            'Take stdin at once, before anything is awaited, without a stdin option, not in a context',
        })
      }
      await program.write(bytes)
      if (program.isOver) throw new SandboxError('SANDBOX_STDIN_CLOSED', 'the program is over')
    },
    close: () => program?.endInput(),
    // What it has read is not all there was: it must not take it for the whole.
    abort: () => program?.end('abort'),
  })
}
