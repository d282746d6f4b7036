import { describe, expect, it } from 'vitest'
import { AgentBundle } from '../../../src/agent/bundle.js'
import { encodeFrame, FrameReader, Kind, MAX_REQUEST_BYTES } from '../../../src/agent/protocol.js'
import { openChannel } from '../fakes/fake-agent.js'

/** Returns the code cache and the source in the first frame. */
function partsOf(frame: Buffer): [codeCache: string, source: string] {
  const [first] = new FrameReader(MAX_REQUEST_BYTES).read(frame)
  expect(first).toMatchObject({ kind: Kind.bundle, id: 0 })
  const payload = first?.payload ?? Buffer.alloc(4)
  const end = 4 + payload.readUInt32BE(0)
  return [payload.toString('utf8', 4, end), payload.toString('utf8', end)]
}

describe('the bundle of an agent', () => {
  it('is sent without a code cache until an agent of the same image has sent one', () => {
    const bundle = new AgentBundle('print("é")')
    expect(partsOf(bundle.frameFor('a'))).toEqual(['', 'print("é")'])
    bundle.keep('a', Buffer.from('cache'))
    expect(partsOf(bundle.frameFor('a'))).toEqual(['cache', 'print("é")'])
    expect(partsOf(bundle.frameFor('b'))).toEqual(['', 'print("é")'])
  })

  it('gets its code cache in several frames', async () => {
    const frames = ['ca', 'che'].map((part) => encodeFrame(Kind.codeCache, 0, Buffer.from(part)))
    const { agent, channel } = await openChannel(undefined, Buffer.concat(frames))
    expect(channel.codeCache?.toString()).toBe('cache')
    expect(agent.kills).toBe(0)
    expect((await openChannel()).channel.codeCache).toBeUndefined()
  })
})
