import type { CodeResult, SandboxPoolOptions } from 'hono-sandbox'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import type { AgentName } from '../../src/languages/built-in.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { until } from '../helpers/until.js'
import { machineIsIdle } from './idle.js'
import type { Numbers } from './numbers.js'
import type { Row } from './rows.js'
import { Samples, timed } from './rows.js'

const HOUR_MS = 3_600_000

/** What a scenario measures: one program, in one language, under one runtime. */
export interface Bench {
  runtime: string
  language: AgentName
  image: string
  program: string
  /** What the program prints when nothing is wrong. */
  expected: string
  numbers: Numbers
}

/** One way to run a program. */
export interface Contender {
  readonly what: string
  /** Whether it runs in a container of the bench's runtime. */
  readonly where: 'container' | 'host'
  /** Runs the program once; gives what it printed. */
  run(): Promise<string>
  /** Waits until the next contender has the machine for itself. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** Adds what all rows of a scenario have. */
export function rowOf(
  bench: Bench,
  where: Contender['where'],
  rest: Omit<Row, 'runtime' | 'beside' | 'language'>,
): Row {
  const { runtime, language } = bench
  return { runtime: where === 'host' ? 'host' : runtime, beside: runtime, language, ...rest }
}

/** Each contender once a round, in turn: what the machine does meanwhile, it does to all of them. */
export async function interleave(
  bench: Bench,
  scenario: string,
  contenders: readonly Contender[],
  rounds: number,
): Promise<Row[]> {
  const samples = new Map(contenders.map((contender) => [contender, new Samples()]))
  // A server that has just started runs code that no compiler has seen yet.
  const warmUps = Math.min(20, Math.ceil(rounds / 2))
  try {
    for (let round = -warmUps; round < rounds; round++) {
      for (const [contender, times] of samples) {
        const ms = await timed(() => checked(bench, contender))
        if (round >= 0) times.add(ms)
        await contender.settle()
        await machineIsIdle() // a lease makes its next process ready, which is not the next one's
      }
    }
  } finally {
    await Promise.all(contenders.map((contender) => contender.close()))
  }
  return [...samples].map(([{ what, where }, { spread }]) =>
    rowOf(bench, where, { scenario, what, unit: 'ms', ...spread }),
  )
}

/** A run that printed something else was not the run that was to be measured. */
export async function checked(bench: Bench, contender: Pick<Contender, 'what' | 'run'>) {
  const stdout = await contender.run()
  if (stdout !== bench.expected) {
    throw new Error(`${contender.what} printed ${JSON.stringify(stdout.slice(0, 200))}`)
  }
}

/** What a run printed, where it ended well. */
export function printed({ exitCode, killedBy, stdout, stderr }: CodeResult): string {
  if (exitCode === 0) return stdout
  throw new Error(`a run ended with ${killedBy ?? exitCode}: ${stderr.trim().split('\n').at(-1)}`)
}

/** Runs a second, of so many callers that each start again when they are done. */
export async function rateOf(
  work: (caller: number) => Promise<unknown>,
  callers: number,
  ms: number,
): Promise<number> {
  const start = performance.now()
  let done = 0
  const caller = async (number: number) => {
    while (performance.now() - start < ms) {
      await work(number)
      done++
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)))
  return (done / (performance.now() - start)) * 1000
}

/**
 * Runs a second over so many runs, shared by the callers. The clock starts when the first ones are
 * over: a stock of warm containers is no rate.
 */
export async function sustainedRate(
  work: () => Promise<unknown>,
  callers: number,
  { first, runs }: { first: number; runs: number },
): Promise<number> {
  let left = first + runs
  let done = 0
  let start = performance.now()
  const caller = async () => {
    while (left-- > 0) {
      await work()
      if (++done === first) start = performance.now()
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (runs / (performance.now() - start)) * 1000
}

/** A pool of the bench's language that has come up whole. */
export async function startPool(
  { runtime, language, image }: Pick<Bench, 'runtime' | 'language' | 'image'>,
  about: { size: number; max?: number; preload?: readonly string[] },
  options: SandboxPoolOptions = {},
): Promise<SandboxPool> {
  const languages = { [language]: { image, ...about } }
  const pool = new SandboxPool({ runtime, languages, leaseTtlMs: HOUR_MS, ...options })
  const report = await pool.start()
  const [error] = report[language]?.errors ?? []
  if (!error) return pool
  await pool.close({ deadlineMs: 0 })
  throw error
}

/** Waits until a pool has nothing to do. */
export async function settled(pool: SandboxPool, language: AgentName): Promise<void> {
  const isSettled = () => {
    const stats = pool.stats()[language]
    return stats !== undefined && stats.idle >= stats.size && stats.starting + stats.recycling === 0
  }
  await until('the pool has settled', isSettled, 60_000)
}

/** The image that a pool would take, of those that set-up gets. */
export async function imageOf(names: readonly string[]): Promise<string | undefined> {
  const engine = createDockerEngine()
  try {
    for (const name of names) if (await engine.hasImage(name)) return name
    return undefined
  } finally {
    engine.close()
  }
}

/** As a pool would choose it. */
export async function defaultImage(language: AgentName): Promise<string> {
  const { images } = LANGUAGES[language]
  const image = await imageOf(images)
  if (image) return image
  throw new Error(`the engine has none of ${images.join(', ')}: run npm run setup`)
}
