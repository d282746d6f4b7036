// A server with a running program in a pod, for tests that kill the server.
import { SandboxPool } from '../../dist/src/index.js'
import { createKubernetesEngine } from '../../dist/src/engine/kubernetes/index.js'

const [, , namespace, runtime] = process.argv
const engine = createKubernetesEngine({ namespace })
const pool = new SandboxPool({ engine, runtime, languages: { python: { size: 2 } } })
await pool.start()
const sandbox = await pool.acquire('python')
const busy = sandbox.exec('setsid sleep 300 & exec sleep 300', { timeoutMs: 300_000 })
await sandbox.exec('true')
// A pod that is not attached yet ends only after a minute.
while (pool.stats().python.starting > 0) {
  await new Promise((resolve) => {
    setTimeout(resolve, 20)
  })
}
console.log(sandbox.name)
await busy
