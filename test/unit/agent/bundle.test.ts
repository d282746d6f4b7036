import { describe, expect, it } from 'vitest'
import { AgentProgram } from '../../../src/agent/bundle.js'
import {
  FrameReader,
  Kind,
  MAX_COMPILED_BYTES,
  MAX_REQUEST_BYTES,
} from '../../../src/agent/protocol.js'
import { until } from '../../helpers/until.js'
import { flow, openChannel } from '../fakes/fake-agent.js'

/** Both halves of the first frame. */
function halves(frame: Buffer): [compiled: string, source: string] {
  const [first] = new FrameReader(MAX_REQUEST_BYTES).read(frame)
  expect(first).toMatchObject({ kind: Kind.program, id: 0 })
  const payload = first?.payload ?? Buffer.alloc(4)
  const end = 4 + payload.readUInt32BE(0)
  return [payload.toString('utf8', 4, end), payload.toString('utf8', end)]
}

describe('an agent’s program', () => {
  it('is sent as its source until an image has compiled it', () => {
    const program = new AgentProgram('print("é")')
    expect(halves(program.frameFor('a'))).toEqual(['', 'print("é")'])
    program.keep('a', Buffer.from('made'))
    expect(halves(program.frameFor('a'))).toEqual(['made', 'print("é")'])
    expect(halves(program.frameFor('b'))).toEqual(['', 'print("é")'])
  })

  it('comes back in pieces', async () => {
    const { agent, channel } = await openChannel()
    expect(channel.compiled).toBeUndefined()
    agent.say(Kind.compiled, 0, Buffer.from('ma'))
    agent.say(Kind.compiled, 0, Buffer.from('de'))
    await flow()
    expect(channel.compiled?.toString()).toBe('made')
    expect(agent.kills).toBe(0)
  })

  it('that comes back without an end ends the container', async () => {
    const { agent } = await openChannel()
    const piece = Buffer.alloc(64 * 1024)
    for (let sent = 0; sent <= MAX_COMPILED_BYTES; sent += piece.length) {
      agent.say(Kind.compiled, 0, piece)
    }
    await until('the container is killed', () => agent.kills === 1)
  })
})
