import { describe, expect, it } from 'vitest'
import { AgentBundle } from '../../../src/agent/bundle.js'
import {
  FrameReader,
  Kind,
  MAX_CODE_CACHE_BYTES,
  MAX_REQUEST_BYTES,
} from '../../../src/agent/protocol.js'
import { until } from '../../helpers/until.js'
import { flow, openChannel } from '../fakes/fake-agent.js'

/** Both halves of the first frame. */
function halves(frame: Buffer): [codeCache: string, source: string] {
  const [first] = new FrameReader(MAX_REQUEST_BYTES).read(frame)
  expect(first).toMatchObject({ kind: Kind.bundle, id: 0 })
  const payload = first?.payload ?? Buffer.alloc(4)
  const end = 4 + payload.readUInt32BE(0)
  return [payload.toString('utf8', 4, end), payload.toString('utf8', end)]
}

describe('an agent’s bundle', () => {
  it('is sent as its source until an image has compiled it', () => {
    const bundle = new AgentBundle('print("é")')
    expect(halves(bundle.frameFor('a'))).toEqual(['', 'print("é")'])
    bundle.keep('a', Buffer.from('made'))
    expect(halves(bundle.frameFor('a'))).toEqual(['made', 'print("é")'])
    expect(halves(bundle.frameFor('b'))).toEqual(['', 'print("é")'])
  })

  it('has a code cache that comes in pieces', async () => {
    const { agent, channel } = await openChannel()
    expect(channel.codeCache).toBeUndefined()
    agent.say(Kind.codeCache, 0, Buffer.from('ma'))
    agent.say(Kind.codeCache, 0, Buffer.from('de'))
    await flow()
    expect(channel.codeCache?.toString()).toBe('made')
    expect(agent.kills).toBe(0)
  })

  it('whose code cache has no end ends the container', async () => {
    const { agent } = await openChannel()
    const piece = Buffer.alloc(64 * 1024)
    for (let sent = 0; sent <= MAX_CODE_CACHE_BYTES; sent += piece.length) {
      agent.say(Kind.codeCache, 0, piece)
    }
    await until('the container is killed', () => agent.kills === 1)
  })
})
