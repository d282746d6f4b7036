import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterAll, afterEach, onTestFinished } from 'vitest'
import { createDockerEngine } from '../../src/engine/docker/docker-engine.js'
import type { AgentBundle } from '../../src/agent/bundle.js'
import type { AgentConfig } from '../../src/agent/protocol.js'
import type { Container } from '../../src/engine/engine.js'
import type { AgentName } from '../../src/languages/built-in.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { Agent } from './agent.js'
import { Folder } from './agent-folder.js'
import { availableImage, languages, runtimes } from './engine.js'
import { specOf } from './launch-spec.js'
import { childrenOfPid, LocalContainer } from './local-container.js'

/** The place where an agent runs: a process of this machine, or a container of its own. */
export interface Place {
  language: AgentName
  /** A runtime of the engine, or `process`. */
  where: string
}

const engine = createDockerEngine()
// It is not closed: the files of a worker share it.

export const places: readonly Place[] = languages.flatMap((language) =>
  ['process', ...runtimes].map((where) => ({ language, where })),
)
/**
 * Whether a program takes ten times as long to start as under runc. Tests that do not depend on the
 * place are skipped there, unless `HONO_SANDBOX_CONTRACT=all` is set.
 */
export const isSlow = ({ where }: Place) =>
  where === 'runsc' && process.env.HONO_SANDBOX_CONTRACT !== 'all'
const isRoot = process.getuid?.() === 0
/** Whether the agent is root, and its programs run as the user nobody. */
export const runsAsNobody = ({ where }: Place) => where !== 'process' || isRoot

const owner = `contract-${randomBytes(4).toString('hex')}`
let launched = 0

/** Launches an agent for one test, which may end the agent. */
export async function agentOfTest(
  place: Place,
  config: AgentConfig = {},
  bundle?: AgentBundle,
): Promise<Agent> {
  const agent = await launch(place, config, bundle)
  onTestFinished(() => agent.container.remove())
  return agent
}

/** Launches an agent for one test, and makes a folder in its workspace. */
export async function ownFolderOfTest(place: Place): Promise<Folder> {
  return Folder.make(await agentOfTest(place), 'own')
}

/**
 * Gives each test a folder of its own on one agent, which serves a block of tests. If the agent has
 * violated the protocol or exited during a test, that test fails, and the next one gets a new agent.
 */
export function useFolders(place: Place): () => Promise<Folder> {
  const agent = useAgent(place)
  let count = 0
  return async () => Folder.make(await agent(), `test-${++count}`)
}

/** Gives the tests of a block one folder, which a script has filled. The tests must not change it. */
export function usePreparedFolder(place: Place, script: string): () => Promise<Folder> {
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
    const last = agent
    agent = undefined
    await last?.container.remove()
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
  bundle = LANGUAGES[place.language].agent.bundle,
): Promise<Agent> {
  const local = place.where === 'process' && new LocalContainer(place.language, config)
  const container = local || (await launchContainer(place, config))
  container.stdin.write(bundle.frameFor(place.where))
  try {
    return await Agent.connect(container, local ? local.workspace : '/workspace')
  } catch (error) {
    await container.remove()
    throw error
  }
}

const PIDS = 128

/** Launches the container that a pool would launch. */
async function launchContainer(
  { language, where: runtime }: Place,
  config: AgentConfig,
): Promise<Container> {
  const { images, agent } = LANGUAGES[language]
  const { reaper } = agent
  const command = [...agent.command, JSON.stringify({ pids: PIDS, ...config })]
  const image = await availableImage(images)
  const name = `sandbox_${language}_1.${++launched}_${owner}`
  return engine.launch(
    specOf({ pids: PIDS, name, owner, language, image, runtime, command, reaper }),
  )
}

/** Counts the open descriptors of an agent in place `process`, or of one of its processes. */
export function descriptorsOf(agent: Agent, pid = pidOf(agent)): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Returns the child processes of an agent in place `process`. */
export function childrenOf(agent: Agent): number[] {
  return childrenOfPid(pidOf(agent))
}

function pidOf({ container }: Agent): number {
  if (!(container instanceof LocalContainer)) throw new Error('the agent runs in a container')
  return container.pid
}
