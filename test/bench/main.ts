// `npm run bench`: measures the library and its alternatives, and draws the results.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Engine } from 'hono-sandbox'
import { createDockerEngine } from 'hono-sandbox'
import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
import type { AgentName } from '../../src/languages/built-in.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import type { Bench } from './bench.js'
import { defaultImage } from './bench.js'
import { bare } from './contenders/bare.js'
import { describeMachine } from './machine.js'
import { FULL, SMOKE } from './numbers.js'
import { plotsOf } from './plots.js'
import type { Results } from './report.js'
import { markdownOf } from './report.js'
import type { Row } from './rows.js'
import { arrivals } from './scenarios/arrivals.js'
import { preload, transfer } from './scenarios/data.js'
import { burst, freshRate, warmRate } from './scenarios/rates.js'
import { acquire, fill, warmRun, wholeRequest } from './scenarios/runs.js'
import { server, soak } from './scenarios/server.js'
import { targetsOf } from './targets.js'

const USAGE = `Usage: npm run bench -- [options]

  --engine kubernetes use the cluster that KUBECONFIG names, and the images of SANDBOX_BASE_PYTHON_IMAGE
                      and SANDBOX_BASE_NODEJS_IMAGE; without scenarios that compare with Docker itself
  --smoke             run for a few seconds, only to check that the scenarios work
  --only a,b          run only these scenarios
  --runtime r,s       run under these runtimes (default: runc and runsc, if the engine has them)
  --language l,m      run these languages: python, nodejs (default: both)
  --python FILE       the Python program to run; each run must print the same
  --nodejs FILE       the Node program to run; each run must print the same
  --out FOLDER        the folder of the results (default: bench/results)
`

const SCENARIOS = {
  warm: warmRun,
  request: wholeRequest,
  acquire,
  rate: warmRate,
  fresh: freshRate,
  burst,
  arrivals,
  fill,
  preload,
  transfer,
  server,
  soak,
}
type Scenario = keyof typeof SCENARIOS
/** A pod takes seconds, and the nodes are never idle, so there are fewer rounds and no waits. */
const OF_CLUSTER = {
  quickRounds: 100,
  slowRounds: 8,
  rateRounds: 1,
  concurrencies: [1, 4, 16],
  poolSizes: [1, 16],
  idleTimeoutMs: 50,
}
/** The scenarios that use nothing but a pool. */
const OF_ANY_ENGINE: readonly Scenario[] = ['warm', 'acquire', 'rate', 'burst', 'fill']
const PROGRAMS: Readonly<Record<AgentName, string>> = {
  python: 'print(42)',
  nodejs: 'console.log(42)',
}

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const OPTIONS = {
  engine: text,
  smoke: flag,
  help: flag,
  only: text,
  runtime: text,
  language: text,
  python: text,
  nodejs: text,
  out: text,
}

function readOptions() {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) {
    process.stdout.write(USAGE)
    process.exit(0)
  }
  const programOf = (language: AgentName) =>
    values[language] === undefined ? PROGRAMS[language] : readFileSync(values[language], 'utf8')
  const engines = known('--engine', values.engine ?? 'docker', isEngine, ['docker', 'kubernetes'])
  const isDocker = engines.includes('docker')
  const names = isDocker ? Object.keys(SCENARIOS) : OF_ANY_ENGINE
  const numbers = values.smoke ? SMOKE : FULL
  return {
    isDocker,
    numbers: isDocker ? numbers : { ...numbers, ...OF_CLUSTER },
    scenarios: known('--only', values.only, isScenario, names),
    languages: known('--language', values.language, isLanguage, Object.keys(PROGRAMS)),
    runtimes: values.runtime?.split(','),
    programs: { python: programOf('python'), nodejs: programOf('nodejs') },
    out: values.out ?? 'bench/results',
  }
}

const isScenario = (name: string): name is Scenario => Object.hasOwn(SCENARIOS, name)
const isEngine = (name: string): name is 'docker' | 'kubernetes' =>
  ['docker', 'kubernetes'].includes(name)
const isLanguage = (name: string): name is AgentName => Object.hasOwn(PROGRAMS, name)

/** Returns the names of a list, or all known names. Throws if a name is unknown. */
function known<Name extends string>(
  option: string,
  list: string | undefined,
  isKnown: (name: string) => name is Name,
  all: readonly string[],
): Name[] {
  const names = list?.split(',') ?? all
  const unknown = names.find((name) => !isKnown(name))
  if (unknown === undefined) return names.filter(isKnown)
  throw new Error(`${option} takes ${all.join(', ')}, not ${JSON.stringify(unknown)}`)
}

async function runtimesOf(engine: Engine): Promise<string[]> {
  const listed = await engine.runtimes()
  return ['runc', 'runsc'].filter((runtime) => listed.some(({ name }) => name === runtime))
}

/** Returns the image of a cluster, which only the operator knows. */
function imageOfCluster(language: AgentName): string {
  const { env } = process
  const named = { python: env.SANDBOX_BASE_PYTHON_IMAGE, nodejs: env.SANDBOX_BASE_NODEJS_IMAGE }
  return named[language] || (LANGUAGES[language].images[0] ?? '')
}

/** Measures all scenarios. A scenario that fails does not lose the figures of the others. */
async function measure(options: ReturnType<typeof readOptions>) {
  const { isDocker, numbers, scenarios, languages, programs } = options
  const engine = isDocker ? createDockerEngine() : createKubernetesEngine()
  const rows: Row[] = []
  const failures: string[] = []
  for (const language of languages) {
    const program = programs[language]
    const image = isDocker ? await defaultImage(language) : imageOfCluster(language)
    const expected = await bare({ language, program }).run()
    for (const runtime of options.runtimes ?? (await runtimesOf(engine))) {
      const bench: Bench = { engine, runtime, language, image, program, expected, numbers }
      for (const name of scenarios) {
        const what = `${language}, ${runtime}: ${name}`
        process.stderr.write(`${what}...\n`)
        try {
          rows.push(...(await SCENARIOS[name](bench)))
        } catch (error) {
          console.error(error)
          failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
        }
      }
    }
  }
  engine.close()
  return { rows, failures }
}

function save(results: Results, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, content: string) => {
    writeFileSync(path.join(folder, name), content)
    process.stderr.write(`${path.join(folder, name)}\n`)
  }
  write(`${results.takenAt.replaceAll(':', '')}.json`, JSON.stringify(results, undefined, 2))
  write('latest.md', markdownOf(results))
  for (const [name, svg] of plotsOf(results.rows)) write(name, svg)
}

async function main(): Promise<void> {
  const options = readOptions()
  const machine = await describeMachine()
  const { rows, failures } = await measure(options)
  const takenAt = new Date().toISOString()
  const { programs, out } = options
  const targets = targetsOf(rows)
  const results: Results = { takenAt, machine, programs, rows, targets, failures }
  console.log(markdownOf(results))
  save(results, out)
  if (failures.length > 0) process.exitCode = 1
}

await main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
