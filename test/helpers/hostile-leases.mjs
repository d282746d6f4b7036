// A server with leases whose agents attack it, beside a lease that works. It prints how the calls ended,
// the answers of the lease that works, and the greatest memory. The argument is the number of hostile
// leases. loop-hold.mjs is loaded before it.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createDockerEngine, SandboxError, SandboxPool } from '../../dist/src/index.js'

const count = Number(process.argv[2])
const script = readFileSync(new URL('hostile-agent.py', import.meta.url), 'utf8')
const attacks = [...script.matchAll(/^ {8}'(.+)': lambda/gm)].map(([, name]) => name)
/** The attacks within the protocol: a call ends them when its time is over. */
const WITHIN =
  /^(half|silence|data beyond|a frame a byte|many small|interleaved|endless|deep records|huge records)/
const timeOf = (sandbox) => ({ timeoutMs: WITHIN.test(attackOf.get(sandbox.name)) ? 3000 : 30_000 })

const docker = createDockerEngine()
const attackOf = new Map()
/** Launches hostile agents for the language `hostile`, each with another attack. */
const engine = {
  address: docker.address,
  advice: docker.advice,
  runtimes: () => docker.runtimes(),
  findImage: (candidates) => docker.findImage(candidates),
  sweep: (options) => docker.sweep(options),
  close: () => docker.close(),
  launch(spec, signal) {
    if (spec.language !== 'hostile') return docker.launch(spec, signal)
    const attack = attacks[attackOf.size % attacks.length]
    attackOf.set(spec.name, attack)
    return docker.launch(
      { ...spec, command: ['python3', '-I', '-S', '-c', script, attack] },
      signal,
    )
  },
}

const pool = new SandboxPool({
  runtime: 'runc',
  engine,
  startTimeoutMs: 120_000,
  languages: { python: { size: 1 }, hostile: { base: 'python', size: count, max: count } },
})
await pool.start()
const good = await pool.acquire('python')
const hostile = []
while (hostile.length < count) hostile.push(await pool.acquire('hostile', { timeoutMs: 120_000 }))

const used = () => {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
global.gc()
const before = used()
let peak = before
const sampler = setInterval(() => (peak = Math.max(peak, used())), 5)

/** Reads nothing after the first event, until the lease has ended. */
async function readLate(sandbox) {
  const events = sandbox.exec('x', timeOf(sandbox))[Symbol.asyncIterator]()
  let next = await events.next()
  if (next.value.type !== 'exit' && !sandbox.signal.aborted) await once(sandbox.signal, 'abort')
  while (next.value.type !== 'exit') next = await events.next()
  return next.value
}

async function readAll(sandbox) {
  for await (const event of sandbox.runCode('1', timeOf(sandbox)))
    if (event.type === 'exit') return event
}

const CALLS = [
  readLate,
  (sandbox) => sandbox.runCode('1', timeOf(sandbox)),
  readAll,
  (sandbox) => sandbox.readFile('f', timeOf(sandbox)),
  (sandbox) => sandbox.listFiles('.', timeOf(sandbox)),
]
/** Has loop-hold.mjs print the longest time, and begin anew. */
async function measureHold() {
  const printed = once(process, 'SIGUSR2')
  process.kill(process.pid, 'SIGUSR2')
  await printed
}

const ends = { within: [], beyond: [] }
async function suffer(sandbox, at) {
  const call = CALLS[Math.floor(at / attacks.length) % CALLS.length]
  const end = await call(sandbox).then(
    ({ killedBy }) => killedBy ?? 'answered',
    (error) => (error instanceof SandboxError ? error.code : `not typed: ${error.stack}`),
  )
  const attack = attackOf.get(sandbox.name)
  ends[WITHIN.test(attack) ? 'within' : 'beyond'].push(`${attack}: ${end}`)
  sandbox.release()
}
await measureHold()
const answers = { right: 0, wrong: 0 }
const suffering = new Set(hostile.map(suffer))
for (const each of suffering) void each.then(() => suffering.delete(each))
while (suffering.size > 0) {
  const nonce = Math.random().toString()
  const { stdout } = await good.runCode(`print(${nonce})`)
  answers[stdout === `${nonce}\n` ? 'right' : 'wrong']++
}
await measureHold()
clearInterval(sampler)
global.gc()
const [peakMiB, afterMiB] = [peak, used()].map((bytes) => (bytes - before) / 1024 ** 2)
console.log(JSON.stringify({ ends, answers, peakMiB, afterMiB }))
good.release()
await pool.close({ deadlineMs: 0 })
docker.close()
