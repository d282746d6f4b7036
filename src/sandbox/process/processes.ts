import type { Channel } from '../../agent/channel.js'
import { setDeadline } from '../../util/deadline.js'
import { SandboxError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import { SandboxProcess } from './process.js'
import { Program } from '../program/program.js'
import type { OnProgramEnded } from '../program/program-ended.js'
import type { ExecEnd } from '../program/result.js'

/** The options of {@link Sandbox.startProcess}. */
export interface StartProcessOptions {
  /**
   * The id of the process, for `getProcess()` and `killProcess()`. A running process must not have
   * the same id.
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
  /** Environment variables for this process. They are added to the variables of the container. */
  env?: Record<string, string | undefined> | undefined
  /** Kills the process when the signal aborts. */
  signal?: AbortSignal | undefined
  /**
   * The time limit of the start, in milliseconds. After the start, the process has no time limit
   * but the end of the lease.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * The maximum size of the logs of each stream, in bytes. If the output exceeds it, the beginning
   * and the end are kept.
   *
   * @default 1_048_576
   */
  maxLogBytes?: number | undefined
}

const DEFAULT_START_MS = 30_000
/**
 * The maximum number of exited processes that are kept, because each one keeps its logs in memory.
 */
const MAX_EXITED = 20

interface ProcessParts {
  readFile: (path: string) => Promise<Buffer>
  onProgramEnded: OnProgramEnded | undefined
}

/** Keeps the background processes of one container. */
export class Processes {
  /** Called when a process has exited, or could not be started. */
  onExit: () => void = () => {}
  readonly #lease: Lease<Channel>
  readonly #parts: ProcessParts
  readonly #byId = new Map<string, SandboxProcess>()
  readonly #starting = new Set<string>()
  #started = 0

  constructor(lease: Lease<Channel>, parts: ProcessParts) {
    this.#lease = lease
    this.#parts = parts
  }

  /** Starts a process and waits until it runs. */
  async start(
    command: string | readonly string[],
    argv: readonly string[],
    options: StartProcessOptions,
  ): Promise<SandboxProcess> {
    const { cwd, env, signal, timeoutMs = DEFAULT_START_MS, maxLogBytes: keepBytes } = options
    const id = options.id ?? this.#newId()
    if (this.#starting.has(id) || this.#byId.get(id)?.status === 'running') {
      const message = `startProcess: id: a process named ${JSON.stringify(id)} is running`
      throw new SandboxError('SANDBOX_INVALID_OPTION', message)
    }
    const request = { op: 'exec', argv, cwd, env } as const
    const program = new Program(this.#lease, request, {
      signal,
      keepBytes,
      onEnded: (end) => this.#report(end),
    })
    program.output.drop(Number.POSITIVE_INFINITY)
    this.#starting.add(id)
    let hasTimedOut = false
    const onTimeout = () => {
      hasTimedOut = true
      program.end('timeout')
    }
    const timer = setDeadline(timeoutMs, onTimeout)
    const started = await program.started
    timer.clear()
    this.#starting.delete(id)
    if (hasTimedOut || signal?.aborted || started?.pid === undefined) {
      program.end('crash') // for a program that runs although its agent sent no process id
      const error = await notStarted(id, program)
      this.onExit()
      signal?.throwIfAborted()
      throw error
    }
    const process = new SandboxProcess(
      program,
      { id, pid: started.pid, command },
      this.#parts.readFile,
    )
    this.#byId.delete(id)
    this.#byId.set(id, process)
    void process.exited.then(() => this.#exited())
    return process
  }

  /** Whether at least one process is running. */
  get areRunning(): boolean {
    return this.#starting.size > 0 || this.list().some(({ status }) => status === 'running')
  }

  /** Returns the processes in the order of their start. */
  list(): SandboxProcess[] {
    return [...this.#byId.values()]
  }

  /** Returns an id that no other process has. */
  #newId(): string {
    const id = `process-${++this.#started}`
    return this.#byId.has(id) || this.#starting.has(id) ? this.#newId() : id
  }

  /**
   * Returns the process with this id.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_PROCESS`.
   */
  get(id: string): SandboxProcess {
    const process = this.#byId.get(id)
    if (process) return process
    const names = this.list().map((each) => each.id)
    const known =
      names.length > 0 ? `the processes are ${names.join(', ')}` : 'there are no processes'
    throw new SandboxError('SANDBOX_UNKNOWN_PROCESS', `no process has this id: ${known}`)
  }

  #report(end: ExecEnd): void {
    const { name } = this.#lease.container
    this.#parts.onProgramEnded?.({ type: 'programEnded', name, call: 'startProcess', ...end })
  }

  #exited(): void {
    const exited = this.list().filter(({ status }) => status === 'exited')
    for (const { id } of exited.slice(0, Math.max(0, exited.length - MAX_EXITED))) {
      this.#byId.delete(id)
    }
    this.onExit()
  }
}

async function notStarted(id: string, program: Program): Promise<SandboxError> {
  const { exitCode, killedBy } = await program.ended
  if (killedBy === 'timeout') {
    return new SandboxError('SANDBOX_WAIT_TIMEOUT', `the process ${id} did not start in time`)
  }
  const why = program.output.kept.stderr.toString().trim() || killedBy || `exit code ${exitCode}`
  return new SandboxError(
    'SANDBOX_PROCESS_EXITED',
    `the process ${id} could not be started: ${why}`,
  )
}
