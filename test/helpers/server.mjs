// A server with a running request, for tests that kill the server.
import { SandboxPool } from '../../dist/src/index.js'

const [, , runtime, when] = process.argv
const pool = new SandboxPool({ runtime, languages: { python: { size: 2 }, nodejs: { size: 1 } } })
await pool.start()
const sandbox = await pool.acquire('python')
const busy = sandbox.exec('setsid sleep 300 & exec sleep 300', { timeoutMs: 300_000 })
await sandbox.exec('true')
const isLaunching = () =>
  when === 'settled' && Object.values(pool.stats()).some(({ starting }) => starting > 0)
while (isLaunching()) {
  await new Promise((resolve) => {
    setTimeout(resolve, 20)
  })
}
console.log(sandbox.name)
await busy
