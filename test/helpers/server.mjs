// A server with running requests, for tests that kill the server.
import { SandboxPool } from '../../dist/src/index.js'

const [, , runtime, when, leases = '1'] = process.argv
const size = Number(leases) + 1
const languages = { python: { size, max: 2 * size }, nodejs: { size: 1 } }
const pool = new SandboxPool({ runtime, languages, startTimeoutMs: 60_000 })
await pool.start()
const busy = []
let name = ''
for (let count = 0; count < Number(leases); count++) {
  const sandbox = await pool.acquire('python')
  busy.push(sandbox.exec('setsid sleep 300 & exec sleep 300', { timeoutMs: 300_000 }))
  await sandbox.exec('true')
  name = sandbox.name
}
const isLaunching = () =>
  when === 'settled' && Object.values(pool.stats()).some(({ starting }) => starting > 0)
while (isLaunching()) {
  await new Promise((resolve) => {
    setTimeout(resolve, 20)
  })
}
console.log(name)
await Promise.all(busy)
