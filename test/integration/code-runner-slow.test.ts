import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CodeRunner } from '../helpers/code-runner.js'
import { useCodeRunner } from '../helpers/code-runner.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
/** Says as much as it may. */
const ENDLESS = {
  language: 'python',
  code: 'import os\nblock = b"0123456789abcde\\n" * 4096\nwhile True: os.write(1, block)',
  timeoutMs: 60_000,
}

/** A client that takes so many bytes when it is asked to, and leaves. */
interface Reader {
  take(bytes: number): Promise<void>
  leave(): void
}

async function byStream(runner: CodeRunner): Promise<Reader> {
  const answer = await runner.stream(ENDLESS, { accept: 'application/x-ndjson' })
  const reader = answer.body?.getReader()
  return {
    take: async (bytes) => {
      for (let size = 0; size < bytes;) {
        const piece = await reader?.read()
        if (!piece?.value) throw new Error('there is no more')
        size += piece.value.length
      }
    },
    leave: () => void reader?.cancel(),
  }
}

async function byConnection(runner: CodeRunner): Promise<Reader> {
  const talk = runner.talk()
  const { socket } = talk
  let [size, wanted] = [0, 0]
  talk.onText((text) => {
    size += text.length
    if (size >= wanted) socket.pause()
  })
  await talk.send(ENDLESS)
  return {
    take: async (bytes) => {
      wanted = size + bytes
      socket.resume()
      await until('it has come', () => size >= wanted)
    },
    leave: () => socket.terminate(),
  }
}

/** The most that the server has ever had in memory. */
function peakBytes({ process: { child } }: CodeRunner): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

describe('a client that reads slowly', () => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: 'runc' })

  it.each([
    ['a stream', byStream],
    ['a connection', byConnection],
  ])('what endless output sends by %s, fills no memory and holds nobody up', async (_, begin) => {
    await runner().settled()
    const before = peakBytes(runner())
    const reader = await begin(runner())
    onTestFinished(() => reader.leave())
    await reader.take(1)
    for (let count = 0; count < 5; count++) {
      expect(await runner().run({ language: 'python', code: 'print(1)' })).toMatchObject({
        stdout: '1\n',
      })
    }
    // Time for a server that does not wait to show it.
    for (let count = 0; count < 500; count++) await runner().leased()
    for (let count = 0; count < 50; count++) {
      await reader.take(MIB)
      expect(await runner().leased()).toBeGreaterThan(0)
    }
    expect(peakBytes(runner()) - before).toBeLessThan(150 * MIB)
    reader.leave()
    await runner().settled()
  })
})
