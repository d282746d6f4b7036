import { randomBytes } from 'node:crypto'
import { afterAll, onTestFinished } from 'vitest'
import type {
  Container,
  ContainerExit,
  Engine,
  LaunchSpec,
  Runtime,
} from '../../src/engine/engine.js'
import { specOf } from '../helpers/launch-spec.js'
import { within } from '../helpers/until.js'

/** An engine that must keep the contract, and what the tests must do past its port. */
export interface EngineSubject {
  /** Makes an engine. Each has connections of its own. */
  createEngine: () => Engine
  /** The runtime to test under. Its data says what is expected, never its name. */
  runtime: Runtime
  /** An image that the engine can launch, of Debian or a child of it: the tests use its shell. */
  image: string
  /** Makes a container that is never started: what is left of a launch that broke off. */
  leaveUnstarted: (spec: LaunchSpec) => Promise<void>
  /** What the engine knows of a container. */
  stateOf: (name: string) => Promise<'gone' | 'unstarted' | 'running'>
  /** Removes a container in any state, past the port. Does nothing if it is gone. */
  removeFromOutside: (name: string) => Promise<void>
}

const MIB = 1024 * 1024
/** The limits of the contract's containers: small, and none of them a default of the library. */
export const LIMITS = {
  memoryBytes: 96 * MIB,
  pids: 32,
  openFiles: 200,
  workspaceBytes: 3 * MIB,
  tmpBytes: 2 * MIB,
  shmBytes: MIB,
}

/** What starts a program as the user that an agent gives to programs. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']

/** What a container wrote until its end, and how it ended. */
export interface Outcome {
  stdout: string
  exit: ContainerExit
}

/** Launches the containers of the contract's tests. No test leaves one behind. */
export class Workbench {
  readonly owner = `contract-${randomBytes(4).toString('hex')}`
  readonly engine: Engine
  readonly #subject: EngineSubject
  #made = 0

  constructor(subject: EngineSubject) {
    this.#subject = subject
    this.engine = subject.createEngine()
    afterAll(() => this.engine.close())
  }

  /** The spec of a container with a name that no other has. It echoes what it reads. */
  spec(changes: Partial<LaunchSpec> = {}): LaunchSpec {
    const { image, runtime, removeFromOutside } = this.#subject
    const name = `sandbox_contract_1.${++this.#made}_${this.owner}`
    onTestFinished(() => removeFromOutside(name))
    const { owner } = this
    const own = { ...LIMITS, name, owner, image, runtime: runtime.name, command: ['cat'] }
    return specOf({ ...own, ...changes })
  }

  launch(changes: Partial<LaunchSpec> = {}): Promise<Container> {
    return within('the container is launched', this.engine.launch(this.spec(changes)))
  }

  /** Executes a script as PID 1, as the user that programs have, to its end. */
  runAsNobody(script: string): Promise<Outcome> {
    return this.run(script, { command: [...AS_NOBODY, 'sh', '-c', script] })
  }

  /** Executes a script as PID 1, to its end. */
  async run(script: string, changes: Partial<LaunchSpec> = {}): Promise<Outcome> {
    const container = await this.launch({ command: ['sh', '-c', script], ...changes })
    return outcomeOf(container)
  }
}

/** Reads all that a container writes until its end. */
export async function outcomeOf(container: Container): Promise<Outcome> {
  const stdout = (await within('stdout ends', bytesOf(container))).toString()
  return { stdout, exit: await within('its end is told', container.exited) }
}

/** All that a container writes until its end. */
export async function bytesOf({ stdout }: Container): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stdout) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Says something to a container that echoes, and waits for the answer. */
export async function expectEcho(container: Container, text = 'are you there?\n'): Promise<void> {
  let heard = ''
  const answered = new Promise<void>((resolve, reject) => {
    container.stdout.on('data', (chunk: Buffer) => {
      heard += chunk.toString()
      if (heard.includes(text)) resolve()
    })
    container.stdout.once('end', () => reject(new Error('its stdout has ended')))
  })
  container.stdin.write(text)
  await within('it echoes', answered)
}
