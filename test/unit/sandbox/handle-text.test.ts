import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Stream } from '../../../src/agent/protocol.js'
import { bytes, text } from '../../../src/sandbox/program/format.js'
import { awaited, eventsOf, flow, leased, outputOf } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

useFakeTime()

const BOM = '\uFEFF'

/** The events and the result of a program that writes these pieces on stdout. */
async function written(pieces: readonly Uint8Array[]) {
  const { agent, sandbox } = await leased()
  const handle = sandbox.exec('x')
  const { events, over } = eventsOf(handle)
  for (const piece of pieces) {
    agent.data(1, Stream.stdout, piece)
    await flow()
  }
  agent.done(1)
  await over
  return { events, stdout: (await handle).stdout }
}

describe('text', () => {
  it.each([1, 2, 3])('has a character whole that is cut after byte %i', async (at) => {
    const whole = Buffer.from('a𐍈b')
    const { events, stdout } = await written([whole.subarray(0, 1 + at), whole.subarray(1 + at)])
    expect(events.map((event) => 'data' in event && event.data)).toEqual(['a', '𐍈b', false])
    expect(stdout).toBe('a𐍈b')
  })

  it('has no event for a piece that is only a part of a character', async () => {
    const { events } = await written([...Buffer.from('𐍈')].map((byte) => Buffer.of(byte)))
    expect(events.slice(0, -1)).toEqual([{ type: 'stdout', data: '𐍈' }])
  })

  it('keeps a byte order mark', async () => {
    const { events, stdout } = await written([Buffer.from(`${BOM}a`)])
    expect(outputOf(events, 'stdout')).toBe(`${BOM}a`)
    expect(stdout).toBe(`${BOM}a`)
  })

  it('has U+FFFD for what is none, and for a character that never came whole', async () => {
    const { events, stdout } = await written([Buffer.of(0xff, 0x61), Buffer.of(0xf0, 0x90)])
    expect(outputOf(events, 'stdout')).toBe('\uFFFDa\uFFFD')
    expect(events.at(-1)?.type).toBe('exit')
    expect(stdout).toBe('\uFFFDa\uFFFD')
  })

  it('has a character whole that came on one stream, with the other between', async () => {
    const { agent, sandbox } = await leased()
    const { events, over } = eventsOf(sandbox.exec('x'))
    for (const byte of Buffer.from('é')) {
      agent.data(1, Stream.stdout, Buffer.of(byte))
      agent.data(1, Stream.stderr, Buffer.of(byte))
      await flow()
    }
    agent.done(1)
    await over
    expect(events.slice(0, -1)).toEqual([
      { type: 'stdout', data: 'é' },
      { type: 'stderr', data: 'é' },
    ])
  })

  it('has a character whole of which one part came before the loop', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    void awaited(handle)
    await flow()
    agent.data(1, Stream.stdout, Buffer.from('aé').subarray(0, 2))
    await flow()
    const { events, over } = eventsOf(handle)
    await flow()
    agent.data(1, Stream.stdout, Buffer.from('é').subarray(1))
    agent.done(1)
    await over
    expect(outputOf(events, 'stdout')).toBe('aé')
  })

  it('is the same however it is cut', { timeout: 30_000 }, () => {
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

/** Text as bytes, cut anywhere. */
function cuts(whole: string) {
  const all = Buffer.from(whole)
  return fc
    .array(fc.nat(all.length), { maxLength: 6 })
    .map((places) => [...places, all.length].toSorted((one, other) => one - other))
    .map((ends) => ends.map((end, index) => all.subarray(ends[index - 1] ?? 0, end)))
}

describe('bytes', () => {
  it('are given as they are, to the loop, the callback and the result', async () => {
    const { agent, sandbox } = await leased()
    const seen: Buffer[] = []
    const handle = sandbox.exec('x', { format: 'bytes', onStdout: (data) => seen.push(data) })
    const { events, over } = eventsOf(handle)
    const broken = Buffer.of(0xff, 0x00, 0xf0, 0x90)
    agent.data(1, Stream.stdout, broken)
    agent.data(1, Stream.stderr, 'b')
    agent.done(1)
    await over
    expect(events).toEqual([
      { type: 'stdout', data: broken },
      { type: 'stderr', data: Buffer.from('b') },
      expect.objectContaining({ type: 'exit' }),
    ])
    expect(seen).toEqual([broken])
    expect(await handle).toMatchObject({ stdout: broken, stderr: Buffer.from('b') })
  })

  it('of nothing are an empty Buffer', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.runCode('x', { format: 'bytes' })
    agent.done(1)
    expect(await handle).toMatchObject({ stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) })
    expect(bytes.isEmpty(bytes.decoder().flush())).toBe(true)
  })
})
