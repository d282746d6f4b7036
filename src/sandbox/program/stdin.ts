import { bytesOf } from '../streams/content.js'
import { SandboxError } from '../../errors.js'
import type { Program } from './program.js'

/**
 * Returns a stream that writes to the stdin of a program while the program runs. A write waits for
 * the program to read. Without a program, the stdin is closed already, and every write rejects.
 */
export function stdinOf(program: Program | undefined): WritableStream<string | Uint8Array> {
  return new WritableStream({
    async write(chunk) {
      const bytes = bytesOf(chunk)
      if (!program) {
        throw new SandboxError('SANDBOX_STDIN_CLOSED', 'the stdin of the program is closed', {
          suggestion:
            'Take stdin before the first await, without the option stdin and without a context',
        })
      }
      await program.write(bytes)
      if (program.isOver) throw new SandboxError('SANDBOX_STDIN_CLOSED', 'the program has ended')
    },
    close: () => program?.endInput(),
    // The program must not treat an incomplete input as complete.
    abort: () => program?.end('abort'),
  })
}
