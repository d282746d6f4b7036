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

/** An engine that must pass the contract, and the operations of the tests outside its port. */
export interface EngineSubject {
  /** Makes an engine with connections of its own. */
  createEngine: () => Engine
  /** The runtime to test under. The expectations depend on its data, never on its name. */
  runtime: Runtime
  /** An image that the engine can launch, based on Debian. The tests use its shell. */
  image: string
  /** The parts of the contract that the platform does not have. The docs of the engine name them. */
  lacks?: readonly Lack[]
  /** Makes a container that is never started, as an interrupted launch leaves it. */
  leaveUnstarted: (spec: LaunchSpec) => Promise<void>
  /** Returns the state of a container in the engine. */
  stateOf: (name: string) => Promise<'gone' | 'unstarted' | 'running'>
  /** Removes a container in any state, outside the port. Does nothing if it does not exist. */
  removeFromOutside: (name: string) => Promise<void>
}

/**
 * `noexec`: programs in `/tmp` are executable. `isolated network`: a container has other interfaces
 * than loopback, and a policy outside denies all traffic. `last output`: if PID 1 exits at once after a
 * large output, its end can be lost.
 */
type Lack = 'noexec' | 'isolated network' | 'last output'

const MIB = 1024 * 1024
/** The limits of the containers of the contract. They are small and differ from all defaults. */
export const LIMITS = {
  memoryBytes: 96 * MIB,
  pids: 32,
  openFiles: 200,
  workspaceBytes: 3 * MIB,
  tmpBytes: 2 * MIB,
  shmBytes: MIB,
}

/**
 * The user of the programs. It is not nobody, because a limit of processes counts all processes of a
 * user on a kernel, and other programs of the machine can be nobody.
 */
export const USER = 210_000

/** The command that starts a program as the user of programs. */
export const AS_USER = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--']

/** The stdout of a container and its exit. */
export interface Outcome {
  stdout: string
  exit: ContainerExit
}

/** Launches the containers of the contract's tests, and removes them after each test. */
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

  /** Returns the spec of a container with a unique name. The container echoes its stdin. */
  spec(changes: Partial<LaunchSpec> = {}): LaunchSpec {
    const { image, runtime, removeFromOutside } = this.#subject
    const name = `sandbox_contract_1.${++this.#made}_${this.owner}`
    onTestFinished(() => removeFromOutside(name))
    const { owner } = this
    const own = {
      ...LIMITS,
      name,
      owner,
      image,
      runtime: runtime.name,
      user: USER,
      command: ['cat'],
    }
    return specOf({ ...own, ...changes })
  }

  launch(changes: Partial<LaunchSpec> = {}): Promise<Container> {
    return within('the container is launched', this.engine.launch(this.spec(changes)))
  }

  /** Runs a script as PID 1 and as the user of programs, and waits for its end. */
  runAsUser(script: string): Promise<Outcome> {
    return this.run(script, { command: [...AS_USER, 'sh', '-c', script] })
  }

  /** Runs a script as PID 1 and waits for its end. */
  async run(script: string, changes: Partial<LaunchSpec> = {}): Promise<Outcome> {
    const container = await this.launch({ command: ['sh', '-c', script], ...changes })
    return outcomeOf(container)
  }
}

/** Reads the whole stdout of a container, and waits for its exit. */
export async function outcomeOf(container: Container): Promise<Outcome> {
  const stdout = (await within('stdout ends', bytesOf(container))).toString()
  return { stdout, exit: await within('the exit is reported', container.exited) }
}

/** Reads the whole stdout of a container. */
export async function bytesOf({ stdout }: Container): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stdout) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Sends a text to a container that echoes, and waits for the echo. */
export async function expectEcho(container: Container, text = 'are you there?\n'): Promise<void> {
  let received = ''
  const answered = new Promise<void>((resolve, reject) => {
    container.stdout.on('data', (chunk: Buffer) => {
      received += chunk.toString()
      if (received.includes(text)) resolve()
    })
    container.stdout.once('end', () => reject(new Error('the stdout of the container has ended')))
  })
  container.stdin.write(text)
  await within('the container echoes', answered)
}
