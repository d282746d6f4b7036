import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, onTestFinished } from 'vitest'
import { createDockerEngine } from '../../src/engine/docker.js'
import type { AgentProgram } from '../../src/agent/program.js'
import type { AgentConfig } from '../../src/agent/protocol.js'
import type { Container, ContainerExit } from '../../src/engine/engine.js'
import { OWNER_LABEL } from '../../src/engine/engine.js'
import type { AgentName } from '../../src/languages.js'
import { LANGUAGES } from '../../src/languages.js'
import { Agent } from './agent.js'
import { Folder } from './agent-folder.js'
import { within } from './until.js'

/** Where an agent runs: as a plain process of this machine, or in a container of its own. */
export interface Place {
  language: AgentName
  /** A runtime of the engine's, or `process`. */
  where: string
}

const engine = createDockerEngine()
afterAll(() => engine.close())
const listed = await engine.runtimes()
const languages: readonly AgentName[] = ['python', 'nodejs']

export const places: readonly Place[] = languages.flatMap((language) =>
  ['process', ...['runc', 'runsc'].filter((runtime) => listed.includes(runtime))].map((where) => ({
    language,
    where,
  })),
)
/**
 * Whether a program takes long to start there, ten times as long as under runc. What does not depend
 * on the place is left out then, unless it is asked for.
 */
export const isSlow = ({ where }: Place) =>
  where === 'runsc' && process.env.HONO_SANDBOX_CONTRACT !== 'all'
const isRoot = process.getuid?.() === 0
/** Whether the agent is root there, and its programs are somebody else. */
export const isNobody = ({ where }: Place) => where !== 'process' || isRoot

const MIB = 1024 * 1024
const owner = `contract-${randomBytes(4).toString('hex')}`
let launched = 0

/** An agent for one test alone: the test may end it. */
export async function agentOfTest(
  place: Place,
  config: AgentConfig = {},
  program?: AgentProgram,
): Promise<Agent> {
  const agent = await launch(place, config, program)
  onTestFinished(() => agent.container.remove())
  return agent
}

/** A folder of an agent for one test alone. */
export async function ownFolderOfTest(place: Place): Promise<Folder> {
  return Folder.make(await agentOfTest(place), 'own')
}

/**
 * Gives each test a folder of its own on one agent, which serves a block of tests: it must be as
 * well after one as it was before. Where it has gone that test fails, and a new one is launched.
 */
export function useFolders(place: Place): () => Promise<Folder> {
  const agent = useAgent(place)
  let count = 0
  return async () => Folder.make(await agent(), `test-${++count}`)
}

/** Gives the tests of a block one folder, with what a script has put in it: they change nothing. */
export function useFolder(place: Place, script: string): () => Promise<Folder> {
  const agent = useAgent(place)
  let folder: Folder | undefined
  return async () => {
    const current = await agent()
    if (folder?.agent === current) return folder
    folder = await Folder.make(current, 'prepared')
    await folder.sh(script)
    return folder
  }
}

function useAgent(place: Place): () => Promise<Agent> {
  let agent: Agent | undefined
  const drop = async () => {
    const gone = agent
    agent = undefined
    await gone?.container.remove()
  }
  afterEach(async () => {
    try {
      agent?.check()
    } catch (error) {
      await drop()
      throw error
    }
  })
  afterAll(drop)
  return async () => (agent ??= await launch(place))
}

async function launch(
  place: Place,
  config: AgentConfig = {},
  program = LANGUAGES[place.language].agent,
): Promise<Agent> {
  const local = place.where === 'process' && new LocalContainer(place.language, config)
  const container = local || (await launchContainer(place, config))
  container.stdin.write(program.frameFor(place.where))
  try {
    return await Agent.warm(container, local ? local.workspace : '/workspace')
  } catch (error) {
    await container.remove()
    throw error
  }
}

/** The limits of a pool that was told nothing. */
const LIMITS = {
  network: 'none',
  memoryBytes: 256 * MIB,
  cpus: 1,
  openFiles: 1024,
  workspaceBytes: 64 * MIB,
  tmpBytes: 32 * MIB,
  shmBytes: 16 * MIB,
}

/** What a pool launches, without a pool. */
async function launchContainer(
  { language, where: runtime }: Place,
  config: AgentConfig,
): Promise<Container> {
  const { images, reaper } = LANGUAGES[language]
  const command = [...LANGUAGES[language].command, JSON.stringify(config)]
  for (const image of images) {
    if (!(await engine.hasImage(image))) continue
    const name = `sandbox_${language}_1.${++launched}_${owner}`
    const labels = { [OWNER_LABEL]: owner }
    // gVisor's own threads count too.
    const pids = runtime === 'runsc' ? 512 : 128
    return engine.launch({ ...LIMITS, pids, name, image, runtime, command, reaper, labels })
  }
  throw new Error(`the engine has no image for ${language}: looked for ${images.join(', ')}`)
}

// Not the shell's: a version manager keeps its programs in a home where nobody may not go.
const PATH = [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':')

/** In memory where there is such a place: 20,000 files take seconds on a disk. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A plain process in a container's place. What it started ends with it. */
class LocalContainer implements Container {
  readonly name = 'local'
  readonly workspace = mkdtempSync(path.join(memory, 'hono-sandbox-test-'))
  readonly stdin
  readonly stdout
  readonly pid: number
  readonly exited: Promise<ContainerExit>
  readonly #kill: () => void

  constructor(language: AgentName, config: AgentConfig) {
    chmodSync(this.workspace, 0o1777)
    const [program = '', ...args] = LANGUAGES[language].command
    const argument = JSON.stringify({ workspace: this.workspace, ...config })
    const child = spawn(program, [...args, argument], { env: { PATH } })
    this.stdin = child.stdin
    this.stdout = child.stdout
    this.pid = child.pid ?? 0
    let stderr = ''
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    this.exited = new Promise((resolve) => {
      child.once('close', (code) => resolve({ exitCode: code ?? undefined, oom: false, stderr }))
    })
    this.#kill = () => {
      for (const pid of child.exitCode === null ? descendantsOf(this.pid) : []) kill(pid)
      child.kill('SIGKILL')
    }
  }

  async remove(): Promise<void> {
    await this.kill()
  }

  async kill(): Promise<void> {
    this.#kill()
    await within('the agent is gone', this.exited)
    // Not rmSync: a tree of a test's may be deeper than a path can be long.
    execFileSync('rm', ['-rf', this.workspace])
  }
}

/** How many descriptors an agent has open, or a process of its, where that can be seen. */
export function descriptorsOf(agent: Agent, pid = pidOf(agent)): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** The processes an agent has made itself, where they can be seen. */
export function childrenOf(agent: Agent): number[] {
  return childrenOfPid(pidOf(agent))
}

function pidOf({ container }: Agent): number {
  if (!(container instanceof LocalContainer)) throw new Error('it is in a container')
  return container.pid
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

function descendantsOf(root: number): number[] {
  return childrenOfPid(root).flatMap((pid) => [pid].concat(descendantsOf(pid)))
}

function childrenOfPid(root: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => parentOf(pid) === root).map(Number)
}

function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
