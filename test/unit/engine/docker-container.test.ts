import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { DockerContainer } from '../../../src/engine/docker/docker-container.js'
import { turn } from '../fakes/fake-agent.js'

const PIECE = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0x40, 0]), Buffer.alloc(0x4000, 'x')])
const PIECES = 1000

/** An engine that has much to send. */
function container() {
  let sent = 0
  const stream = new Duplex({
    read() {
      this.push(sent++ < PIECES ? PIECE : null)
    },
    write: (_chunk, _encoding, done) => done(),
  })
  const watch = {
    exit: async () => ({ exitCode: 0, oom: false }),
    isForgotten: async () => true,
    end: () => {},
  }
  const made = new DockerContainer('sandbox', stream, watch, async () => {})
  return { made, sent: () => sent }
}

it('takes no more of a container than is read', async () => {
  const { made, sent } = container()
  for (let turns = 0; turns < 20; turns++) await turn()
  const early = sent()
  expect(early).toBeLessThan(20)
  let bytes = 0
  made.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes !== 0x4000 * 10) return
    made.stdout.pause()
    setImmediate(() => made.stdout.resume())
  })
  expect(await made.exited).toMatchObject({ exitCode: 0 })
  await turn()
  expect(bytes).toBe(0x4000 * PIECES)
})
