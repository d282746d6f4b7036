import type { CodeResult, Engine, SandboxPoolOptions } from 'hono-sandbox'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import type { AgentName } from '../../src/languages/built-in.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { until } from '../helpers/until.js'
import { machineIsIdle } from './idle.js'
import type { Numbers } from './numbers.js'
import type { Row } from './rows.js'
import { Samples, timed } from './rows.js'

const HOUR_MS = 3_600_000

/** The subject of a scenario: one program, in one language, under one runtime. */
export interface Bench {
  /** The engine of the pools; `undefined` for Docker. */
  engine: Engine | undefined
  runtime: string
  language: AgentName
  image: string
  program: string
  /** The output of the program if it succeeds. */
  expected: string
  numbers: Numbers
}

/** One way to run a program. */
export interface Contender {
  readonly what: string
  /** Whether the contender runs in a container of the bench's runtime. */
  readonly where: 'container' | 'host'
  /** Runs the program once, and returns its output. */
  run(): Promise<string>
  /** Waits until this contender no longer uses the machine. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** Makes a row with the fields that all rows of a scenario share. */
export function rowOf(
  bench: Bench,
  where: Contender['where'],
  rest: Omit<Row, 'runtime' | 'beside' | 'language'>,
): Row {
  const { runtime, language } = bench
  return { runtime: where === 'host' ? 'host' : runtime, beside: runtime, language, ...rest }
}

/** Runs each contender once in each round, so that other load on the machine affects all of them. */
export async function interleave(
  bench: Bench,
  scenario: string,
  contenders: readonly Contender[],
  rounds: number,
): Promise<Row[]> {
  const samples = new Map(contenders.map((contender) => [contender, new Samples()]))
  // The code of a new server is not compiled by V8 yet.
  const warmUps = Math.min(20, Math.ceil(rounds / 2))
  try {
    for (let round = -warmUps; round < rounds; round++) {
      for (const [contender, times] of samples) {
        const ms = await timed(() => checked(bench, contender))
        if (round >= 0) times.add(ms)
        await contender.settle()
        await machineIsIdle(bench.numbers.idleTimeoutMs) // a lease prepares its next spare, which must not slow the next contender
      }
    }
  } finally {
    await Promise.all(contenders.map((contender) => contender.close()))
  }
  return [...samples].map(([{ what, where }, { spread }]) =>
    rowOf(bench, where, { scenario, what, unit: 'ms', ...spread }),
  )
}

/** Runs a contender. Throws if the output is not the expected one, because then the figure is wrong. */
export async function checked(bench: Bench, contender: Pick<Contender, 'what' | 'run'>) {
  const stdout = await contender.run()
  if (stdout !== bench.expected) {
    throw new Error(`${contender.what} printed ${JSON.stringify(stdout.slice(0, 200))}`)
  }
}

/** Returns the output of a successful run. Throws if the run failed. */
export function printed({ exitCode, killedBy, stdout, stderr }: CodeResult): string {
  if (exitCode === 0) return stdout
  throw new Error(`a run ended with ${killedBy ?? exitCode}: ${stderr.trim().split('\n').at(-1)}`)
}

/** Returns the runs per second of `callers` concurrent callers, each of which repeats its work. */
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
 * Returns the runs per second over a number of runs, which the callers share. The clock starts after
 * the first runs, because the containers that are already warm would distort the rate.
 */
export async function sustainedRate(
  work: () => Promise<unknown>,
  callers: number,
  { first, runs }: { first: number; runs: number },
): Promise<number> {
  let remaining = first + runs
  let done = 0
  let start = performance.now()
  const caller = async () => {
    while (remaining-- > 0) {
      await work()
      if (++done === first) start = performance.now()
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (runs / (performance.now() - start)) * 1000
}

/** Starts a pool of the bench's language and waits until it is full. */
export async function startPool(
  {
    engine,
    runtime,
    language,
    image,
  }: Pick<Bench, 'runtime' | 'language' | 'image'> & Partial<Pick<Bench, 'engine'>>,
  about: { size: number; max?: number; preload?: readonly string[] },
  options: SandboxPoolOptions = {},
): Promise<SandboxPool> {
  const languages = { [language]: { image, ...about } }
  const pool = new SandboxPool({ engine, runtime, languages, leaseTtlMs: HOUR_MS, ...options })
  const report = await pool.start()
  const [error] = report[language]?.errors ?? []
  if (!error) return pool
  await pool.close({ deadlineMs: 0 })
  throw error
}

/** Waits until a pool is at its size and neither launches nor removes containers. */
export async function settled(pool: SandboxPool, language: AgentName): Promise<void> {
  const isSettled = () => {
    const stats = pool.stats()[language]
    return stats !== undefined && stats.idle >= stats.size && stats.starting + stats.recycling === 0
  }
  await until('the pool has settled', isSettled, 60_000)
}

/** Returns the first of the images that the engine has, as a pool would choose it. */
export async function imageOf(names: readonly string[]): Promise<string | undefined> {
  const engine = createDockerEngine()
  try {
    for (const name of names) if (await engine.hasImage(name)) return name
    return undefined
  } finally {
    engine.close()
  }
}

/** Returns the image that a pool uses by default. */
export async function defaultImage(language: AgentName): Promise<string> {
  const { images } = LANGUAGES[language]
  const image = await imageOf(images)
  if (image) return image
  throw new Error(`the engine has none of ${images.join(', ')}: run npm run setup`)
}
