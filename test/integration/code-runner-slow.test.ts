import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CodeRunner } from '../helpers/code-runner.js'
import { useCodeRunner } from '../helpers/code-runner.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
/** Writes endless output. */
const ENDLESS = {
  language: 'python',
  code: 'import os\nblock = b"0123456789abcde\\n" * 4096\nwhile True: os.write(1, block)',
  timeoutMs: 60_000,
}

/** A client that reads only a given number of bytes. */
interface Reader {
  read(bytes: number): Promise<void>
  disconnect(): void
}

async function byStream(runner: CodeRunner): Promise<Reader> {
  const answer = await runner.stream(ENDLESS, { accept: 'application/x-ndjson' })
  const reader = answer.body?.getReader()
  return {
    read: async (bytes) => {
      for (let size = 0; size < bytes;) {
        const piece = await reader?.read()
        if (!piece?.value) throw new Error('the body has ended')
        size += piece.value.length
      }
    },
    disconnect: () => void reader?.cancel(),
  }
}

async function byConnection(runner: CodeRunner): Promise<Reader> {
  const client = runner.connect()
  const { socket } = client
  let [size, wanted] = [0, 0]
  client.onText((text) => {
    size += text.length
    if (size >= wanted) socket.pause()
  })
  await client.send(ENDLESS)
  return {
    read: async (bytes) => {
      wanted = size + bytes
      socket.resume()
      await until('the bytes have arrived', () => size >= wanted)
    },
    disconnect: () => socket.terminate(),
  }
}

/** Returns the greatest memory use of the server so far. */
function peakBytes({ process: { child } }: CodeRunner): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

describe('a client that reads slowly', () => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: 'runc' })

  it.each([
    ['a stream', byStream],
    ['a connection', byConnection],
  ])(
    'a slow reader of endless output by %s does not fill the memory or block others',
    async (_, begin) => {
      await runner().settled()
      const before = peakBytes(runner())
      const reader = await begin(runner())
      onTestFinished(() => reader.disconnect())
      await reader.read(1)
      for (let count = 0; count < 5; count++) {
        expect(await runner().run({ language: 'python', code: 'print(1)' })).toMatchObject({
          stdout: '1\n',
        })
      }
      // Enough time for a server without flow control to fill its memory.
      for (let count = 0; count < 500; count++) await runner().leased()
      for (let count = 0; count < 50; count++) {
        await reader.read(MIB)
        expect(await runner().leased()).toBeGreaterThan(0)
      }
      expect(peakBytes(runner()) - before).toBeLessThan(150 * MIB)
      reader.disconnect()
      await runner().settled()
    },
  )
})
