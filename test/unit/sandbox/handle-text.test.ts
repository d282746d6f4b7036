import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Stream } from '../../../src/agent/protocol.js'
import { bytes, text } from '../../../src/sandbox/program/format.js'
import {
  awaited,
  collectEvents,
  flushStreams,
  leaseSandbox,
  outputOf,
} from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

useFakeTime()

const BOM = '\uFEFF'

/** Returns the events and the stdout of a program that writes these pieces. */
async function outputFrom(pieces: readonly Uint8Array[]) {
  const { agent, sandbox } = await leaseSandbox()
  const handle = sandbox.exec('x')
  const { events, loopEnd } = collectEvents(handle)
  for (const piece of pieces) {
    agent.data(1, Stream.stdout, piece)
    await flushStreams()
  }
  agent.done(1)
  await loopEnd
  return { events, stdout: (await handle).stdout }
}

describe('text output', () => {
  it.each([1, 2, 3])('joins a character that is cut after byte %i', async (at) => {
    const whole = Buffer.from('a𐍈b')
    const { events, stdout } = await outputFrom([whole.subarray(0, 1 + at), whole.subarray(1 + at)])
    expect(events.map((event) => 'data' in event && event.data)).toEqual(['a', '𐍈b', false])
    expect(stdout).toBe('a𐍈b')
  })

  it('has no event for a part of a character', async () => {
    const { events } = await outputFrom([...Buffer.from('𐍈')].map((byte) => Buffer.of(byte)))
    expect(events.slice(0, -1)).toEqual([{ type: 'stdout', data: '𐍈' }])
  })

  it('keeps a byte order mark', async () => {
    const { events, stdout } = await outputFrom([Buffer.from(`${BOM}a`)])
    expect(outputOf(events, 'stdout')).toBe(`${BOM}a`)
    expect(stdout).toBe(`${BOM}a`)
  })

  it('has U+FFFD for bytes that are not UTF-8, and for an incomplete character', async () => {
    const { events, stdout } = await outputFrom([Buffer.of(0xff, 0x61), Buffer.of(0xf0, 0x90)])
    expect(outputOf(events, 'stdout')).toBe('\uFFFDa\uFFFD')
    expect(events.at(-1)?.type).toBe('exit')
    expect(stdout).toBe('\uFFFDa\uFFFD')
  })

  it('joins a character although another stream has output between its bytes', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const { events, loopEnd } = collectEvents(sandbox.exec('x'))
    for (const byte of Buffer.from('é')) {
      agent.data(1, Stream.stdout, Buffer.of(byte))
      agent.data(1, Stream.stderr, Buffer.of(byte))
      await flushStreams()
    }
    agent.done(1)
    await loopEnd
    expect(events.slice(0, -1)).toEqual([
      { type: 'stdout', data: 'é' },
      { type: 'stderr', data: 'é' },
    ])
  })

  it('joins a character whose first byte came before the loop began', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    void awaited(handle)
    await flushStreams()
    agent.data(1, Stream.stdout, Buffer.from('aé').subarray(0, 2))
    await flushStreams()
    const { events, loopEnd } = collectEvents(handle)
    await flushStreams()
    agent.data(1, Stream.stdout, Buffer.from('é').subarray(1))
    agent.done(1)
    await loopEnd
    expect(outputOf(events, 'stdout')).toBe('aé')
  })

  it('is the same wherever its bytes are split', { timeout: 30_000 }, () => {
    const Parts = fc.array(fc.uint8Array({ maxLength: 7 }), { maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(Parts, fc.string({ unit: 'binary' }).chain(cuts)), (parts) => {
        const decoder = text.decoder()
        const pieces = parts.map((part) => decoder.decode(Buffer.from(part)))
        expect(pieces.join('') + decoder.flush()).toBe(Buffer.concat(parts).toString())
      }),
      cases(500),
    )
  })
})

/** Returns the bytes of a text in pieces. */
function cuts(whole: string) {
  const all = Buffer.from(whole)
  return fc
    .array(fc.nat(all.length), { maxLength: 6 })
    .map((places) => [...places, all.length].toSorted((one, other) => one - other))
    .map((ends) => ends.map((end, index) => all.subarray(ends[index - 1] ?? 0, end)))
}

describe('output with the format "bytes"', () => {
  it('is unchanged in the loop, the callback and the result', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const seen: Buffer[] = []
    const handle = sandbox.exec('x', { format: 'bytes', onStdout: (data) => seen.push(data) })
    const { events, loopEnd } = collectEvents(handle)
    const notText = Buffer.of(0xff, 0x00, 0xf0, 0x90)
    agent.data(1, Stream.stdout, notText)
    agent.data(1, Stream.stderr, 'b')
    agent.done(1)
    await loopEnd
    expect(events).toEqual([
      { type: 'stdout', data: notText },
      { type: 'stderr', data: Buffer.from('b') },
      expect.objectContaining({ type: 'exit' }),
    ])
    expect(seen).toEqual([notText])
    expect(await handle).toMatchObject({ stdout: notText, stderr: Buffer.from('b') })
  })

  it('is an empty Buffer if the program writes nothing', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.runCode('x', { format: 'bytes' })
    agent.done(1)
    expect(await handle).toMatchObject({ stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) })
    expect(bytes.isEmpty(bytes.decoder().flush())).toBe(true)
  })
})
