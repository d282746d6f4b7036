import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { DockerContainer } from '../../../src/engine/docker/docker-container.js'
import { nextTurn } from '../fakes/fake-agent.js'

const PIECE = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0x40, 0]), Buffer.alloc(0x4000, 'x')])
const PIECES = 1000

/** Creates a container whose stream has more pieces than its buffers can hold. */
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
    missed: () => {},
    end: () => {},
  }
  const docker = new DockerContainer(
    'sandbox',
    stream,
    watch,
    async () => 'removed',
    async () => 0,
  )
  return { docker, sent: () => sent }
}

it('a Docker container reads its stream only as fast as its stdout is read', async () => {
  const { docker, sent } = container()
  for (let round = 0; round < 20; round++) await nextTurn()
  const early = sent()
  expect(early).toBeLessThan(20)
  let bytes = 0
  docker.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes !== 0x4000 * 10) return
    docker.stdout.pause()
    setImmediate(() => docker.stdout.resume())
  })
  expect(await docker.exited).toMatchObject({ exitCode: 0 })
  await nextTurn()
  expect(bytes).toBe(0x4000 * PIECES)
})
