/**
 * Measures what the instrumentation of a request costs: without it, with it and without an SDK, and
 * with an SDK that keeps spans in memory. Run it with `npm run bench:telemetry`.
 */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { SandboxPool } from 'hono-sandbox'
import { instrumentPool } from 'hono-sandbox/opentelemetry'
import { createTestPool, results } from 'hono-sandbox/testing'

/** Sets the instrumentation up. Returns a function that removes it. */
type Setup = (pool: SandboxPool) => () => void

const exporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})
const meterProvider = new MeterProvider()

const SETUPS: Readonly<Record<string, Setup>> = {
  'no instrumentation': () => () => {},
  'without an SDK': (pool) => instrumentPool(pool),
  'with an SDK': (pool) => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    const stop = instrumentPool(pool, { tracerProvider, meterProvider })
    return () => {
      stop()
      context.disable()
      exporter.reset()
    }
  },
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Prints the median of one request for each setup. The setups take turns. */
async function compare(
  title: string,
  pool: SandboxPool,
  request: () => Promise<unknown>,
  { rounds, requests }: { rounds: number; requests: number },
): Promise<void> {
  const times = new Map<string, number[]>()
  const tracer = tracerProvider.getTracer('request')
  for (let round = 0; round < rounds; round++) {
    for (const [name, setUp] of Object.entries(SETUPS)) {
      const remove = setUp(pool)
      const own = times.get(name) ?? []
      times.set(name, own)
      for (let left = requests; left > 0; left--) {
        const span = name === 'with an SDK' ? tracer.startSpan('request') : undefined
        const active = span ? trace.setSpan(context.active(), span) : context.active()
        const since = performance.now()
        await context.with(active, request)
        own.push(performance.now() - since)
        span?.end()
      }
      remove()
    }
  }
  console.log(title)
  for (const [name, own] of times) {
    console.log(
      `  ${name.padEnd(20)} ${(median(own) * 1000).toFixed(1)} µs (${own.length} requests)`,
    )
  }
}

const testPool = createTestPool({ languages: { python: { size: 2, max: 4 } } })
testPool.onCode('pass', results.exit(0))
await testPool.start()
await compare(
  'lease, run and release, without a container',
  testPool,
  async () => {
    const sandbox = await testPool.acquire('python')
    await sandbox.runCode('pass')
    sandbox.release()
  },
  { rounds: 30, requests: 100 },
)
await testPool.close()

const pool = new SandboxPool({ languages: { python: { size: 1 } }, leaseTtlMs: 600_000 })
await pool.start()
await compare(
  'acquire and release of an idle container',
  pool,
  async () => {
    const sandbox = await pool.acquire('python')
    sandbox.release()
  },
  { rounds: 30, requests: 200 },
)
const sandbox = await pool.acquire('python')
await compare('run in a warm lease', pool, async () => sandbox.runCode('pass'), {
  rounds: 20,
  requests: 20,
})
sandbox.release()
await pool.close()
