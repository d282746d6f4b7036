import { onTestFinished } from 'vitest'
import { ChaosServer, untilHealthy } from '../helpers/chaos-server.js'
import { containersOf, ownerOf } from '../helpers/engine.js'

/**
 * Starts a server on the shared engine. `containers` returns its containers, and `healthy` waits until
 * its pools are full, and it has no other container.
 */
export async function serverOfTest(options: ConstructorParameters<typeof ChaosServer>[0]) {
  const server = new ChaosServer(options)
  onTestFinished(async () => {
    await server.end('SIGKILL')
  })
  await server.process.started()
  const owner = ownerOf(await server.run())
  const containers = () => containersOf(owner)
  return { server, containers, healthy: () => untilHealthy([server], containers) }
}
