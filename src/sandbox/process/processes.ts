import type { Channel } from '../../agent/channel.js'
import { setDeadline } from '../../util/deadline.js'
import { SandboxError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import { SandboxProcess } from './process.js'
import { Program } from '../program/program.js'

/** What {@link Sandbox.startProcess} takes beside the command. */
export interface StartProcessOptions {
  /**
   * A name for it, for `killProcess()`.
   *
   * @default 'process-1', 'process-2', ...
   */
  id?: string | undefined
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string | undefined
  /** Added to the container's own variables. */
  env?: Record<string, string | undefined> | undefined
  /** Kills the process when it aborts. */
  signal?: AbortSignal | undefined
  /**
   * How long the start may take, in milliseconds. The process itself lives until the lease is over.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * How much is kept of each of its streams, in bytes: the beginning and the end.
   *
   * @default 1_048_576
   */
  maxLogBytes?: number | undefined
}

const DEFAULT_START_MS = 30_000
/** Of those that have exited; each holds its logs. */
const MAX_EXITED = 20

/** The processes of a lease. */
export class Processes {
  readonly #byId = new Map<string, SandboxProcess>()
  readonly #starting = new Set<string>()
  #started = 0

  async start(
    lease: Lease<Channel>,
    command: string | readonly string[],
    argv: readonly string[],
    options: StartProcessOptions,
    readFile: (path: string) => Promise<Buffer>,
  ): Promise<SandboxProcess> {
    const { cwd, env, signal, timeoutMs = DEFAULT_START_MS, maxLogBytes: keepBytes } = options
    const id = options.id ?? this.#newId()
    if (this.#starting.has(id) || this.#byId.get(id)?.status === 'running') {
      const message = `startProcess: id: a process named ${JSON.stringify(id)} is running`
      throw new SandboxError('SANDBOX_INVALID_OPTION', message)
    }
    const program = new Program(lease, { op: 'exec', argv, cwd, env }, { signal, keepBytes })
    program.output.drop(Number.POSITIVE_INFINITY)
    this.#starting.add(id)
    let isLate = false
    const late = () => {
      isLate = true
      program.end('timeout')
    }
    const timer = setDeadline(timeoutMs, late)
    const started = await program.started
    timer.clear()
    this.#starting.delete(id)
    if (isLate || signal?.aborted || started?.pid === undefined) {
      program.end('crash') // an agent that gives no number, where it has begun
      const error = await notStarted(id, program)
      signal?.throwIfAborted()
      throw error
    }
    const process = new SandboxProcess(program, { id, pid: started.pid, command }, readFile)
    this.#byId.delete(id)
    this.#byId.set(id, process)
    void process.exited.then(() => this.#forget())
    return process
  }

  /** In the order of their start. */
  list(): SandboxProcess[] {
    return [...this.#byId.values()]
  }

  /** One that nobody has given to another. */
  #newId(): string {
    const id = `process-${++this.#started}`
    return this.#byId.has(id) || this.#starting.has(id) ? this.#newId() : id
  }

  get(id: string): SandboxProcess {
    const process = this.#byId.get(id)
    if (process) return process
    const names = this.list().map((each) => each.id)
    const known = names.length > 0 ? `there are ${names.join(', ')}` : 'none was started'
    throw new SandboxError('SANDBOX_UNKNOWN_PROCESS', `no process has this id: ${known}`)
  }

  #forget(): void {
    const exited = this.list().filter(({ status }) => status === 'exited')
    for (const { id } of exited.slice(0, Math.max(0, exited.length - MAX_EXITED))) {
      this.#byId.delete(id)
    }
  }
}

async function notStarted(id: string, program: Program): Promise<SandboxError> {
  const { exitCode, killedBy } = await program.ended
  if (killedBy === 'timeout') {
    return new SandboxError('SANDBOX_WAIT_TIMEOUT', `the process ${id} has not started in time`)
  }
  const why = program.output.kept.stderr.toString().trim() || killedBy || `exit code ${exitCode}`
  return new SandboxError(
    'SANDBOX_PROCESS_EXITED',
    `the process ${id} could not be started: ${why}`,
  )
}
