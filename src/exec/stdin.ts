import type { Exchange } from '../agent/exchange.js'
import { SandboxError } from '../errors.js'
import { bytesOf } from '../bytes/feed.js'

/** A program's stdin while it runs. A write waits for the program to read. */
export function stdinOf(exchange: Exchange | undefined): WritableStream<string | Uint8Array> {
  return new WritableStream({
    async write(chunk) {
      await exchange?.write(bytesOf(chunk))
      if (exchange?.isOver ?? true) {
        throw new SandboxError(
          'SANDBOX_STDIN_CLOSED',
          'nobody reads this stdin: the program is over',
        )
      }
    },
    close: () => exchange?.end(),
    abort: () => exchange?.end(),
  })
}

/** The stdin of a program that has been given its end: to write into it is an error. */
export function endedStdin(): WritableStream<string | Uint8Array> {
  return new WritableStream({
    write() {
      const message = 'nobody reads this stdin: the program has been told its end'
      throw new SandboxError('SANDBOX_STDIN_CLOSED', message, {
        suggestion: 'Take it at once, before anything is awaited, and give no stdin option',
      })
    },
  })
}
