import { parseArgs } from 'node:util'
import { OwnEngine } from '../helpers/own-engine.js'
import { FaultyProxy } from '../helpers/faulty-proxy.js'
import { Faults } from './faults.js'
import { Report } from './report.js'
import { Site } from './site.js'

const HELP = 'npm run soak -- [--minutes 10] [--seed <number>]'
const IMAGES = ['hono-sandbox/python:bookworm', 'hono-sandbox/nodejs:24']

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } })
const minutes = Number(values.minutes ?? 10)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error(`expected ${HELP}`)

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.abort())
}

console.log(`soak of ${minutes} minutes, to repeat it: --seed ${seed}`)
const report = new Report()
const engine = await OwnEngine.start({ images: IMAGES })
try {
  const proxy = await FaultyProxy.start(engine.socket)
  const site = await Site.start({ engine, proxy, report, seed })
  try {
    await site.measureBefore()
    await new Faults({ engine, proxy, site, report, seed }).inject(
      minutes * 60_000,
      interrupted.signal,
    )
    await site.measureAfter()
  } finally {
    await site.close()
    proxy.close()
  }
} catch (error) {
  report.violation(error instanceof Error ? error : new Error(String(error)))
} finally {
  await engine.close()
}
console.log(report.text())
process.exit(report.violations.size > 0 ? 1 : 0)
