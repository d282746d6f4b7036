// A server whose process is frozen during runs. The runs end in time, while the server is frozen.
import { SandboxPool } from '../../dist/src/index.js'

const pool = new SandboxPool({ runtime: process.argv[2], languages: { python: { size: 1 } } })
await pool.start()
const sandbox = await pool.acquire('python')
const context = await sandbox.createCodeContext()
const code = 'import time; time.sleep(1); print("x" * 250_000)'
const runs = [
  sandbox.runCode(code, { timeoutMs: 2500 }),
  sandbox.exec('sleep 1; echo done', { timeoutMs: 2500 }),
  sandbox.runCode(code, { timeoutMs: 2500, context }),
].map((handle) => handle.then(({ exitCode, killedBy }) => ({ exitCode, killedBy })))
const read = sandbox.stat('/workspace', { timeoutMs: 2500 }).then(({ type }) => type)
await sandbox.exec('true') // the agent has received all earlier requests now
console.log('running')
console.log(JSON.stringify([...(await Promise.all(runs)), await read]))
const { text } = await sandbox.runCode('6 * 7', { context })
console.log(text)
sandbox.release()
await pool.close()
