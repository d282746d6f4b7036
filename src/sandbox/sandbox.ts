import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'
import type { Channel } from '../agent/channel.js'
import type { CallOptions, CallResult } from './code/function-call.js'
import { callResult } from './code/function-call.js'
import type { CodeContext, CodeContextOptions } from './code/contexts.js'
import type { CodeOptions, RunCodeOptions } from './code/options.js'
import { codeResult } from './code/result.js'
import { SandboxError } from '../errors.js'
import * as formats from './program/format.js'
import { ExecHandle } from './program/handle.js'
import type { BytesOutput, ExecOptions, ProgramOptions, TextOutput } from './program/options.js'
import type { CodeResult, ExecResult } from './program/result.js'
import { createHandle } from './program/create-handle.js'
import type { Lease, LeaseEnd, Released } from '../pool/lease.js'
import { useOf } from '../pool/lease.js'
import * as calls from '../schemas/sandbox-calls.js'
import { check } from '../schemas/check.js'
import type { SandboxProcess } from './process/process.js'
import type { StartProcessOptions } from './process/processes.js'
import type { SandboxAbout } from './about.js'
import { Programs } from './programs.js'
import { SandboxFiles } from './sandbox-files.js'
import type { SandboxSession } from './session-handle.js'
import { SandboxState } from './state.js'

/** The parts of a session that its requests share. */
interface Visited {
  /** The state of the container; a new one if absent. */
  state?: SandboxState | undefined
  session?: SandboxSession | undefined
}

/** The handle that `runCode()` returns: code that runs. */
export type CodeHandle<Data = string> = ExecHandle<Data, CodeResult<Data>>

/**
 * A leased container. A handler gets it from `c.get('sandbox')`, other code from `pool.acquire()`.
 *
 * No other lease shares the container, except for the requests of one session. When the lease ends,
 * its programs are killed, and every further call throws `SANDBOX_LEASE_ENDED`. In a session, only
 * the programs of the request are killed. A run in a context is interrupted; contexts, processes and
 * files stay. The file calls are those of {@link SandboxFiles}.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 *
 * const pool = new SandboxPool()
 * await pool.start()
 * const sandbox = await pool.acquire('python')
 * const result = await sandbox.runCode('print(6 * 7)')
 * console.log(result.stdout)
 * sandbox.release()
 * await pool.close()
 * ```
 */
export class Sandbox extends SandboxFiles implements AsyncDisposable {
  /** The name of the container in the engine. */
  readonly name: string
  readonly language: string
  /** The container runtime: `runc`, `runsc`, ... */
  readonly runtime: string
  /** Aborts when the lease ends. The reason of the abort is a `LeaseEnd`. */
  readonly signal: AbortSignal
  /** The session that the sandbox belongs to; `undefined` without a session. */
  readonly session: SandboxSession | undefined
  readonly #lease: Lease<Channel>
  readonly #state: SandboxState
  readonly #use: () => Lease<Channel>
  readonly #programs: Programs

  /** Used by the pool. An app gets a sandbox from `acquire()` or from the middleware. */
  constructor(
    lease: Lease<Channel>,
    about: SandboxAbout,
    { state = new SandboxState(lease, about), session }: Visited = {},
  ) {
    const use = useOf(lease)
    super(use)
    this.#lease = lease
    this.#state = state
    this.#use = use
    this.#programs = new Programs(use, state, about)
    this.session = session
    this.name = lease.container.name
    this.signal = lease.signal
    this.language = about.language
    this.runtime = about.runtime
  }

  /**
   * Runs code in the language of the sandbox, in a warm interpreter: as a script of its own, or in
   * a `context`. Await the handle for the result, or iterate it for the output while the code runs.
   *
   * Besides the output, the result has the `results` that the code showed, the last value as
   * `text`, and an `error` if the code failed. An error of the code is never thrown. If the
   * `signal` aborts, the result has `killedBy: 'abort'`. A run in a context that exceeds a limit or
   * is aborted is first interrupted; if it does not stop within half a second, it is killed.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION` or
   * `SANDBOX_UNKNOWN_CONTEXT`; `SANDBOX_CONTEXT_LOST` if the process of the context has ended, for
   * the runs that waited or for the next run.
   * @throws SandboxFileError if the file for the code of a defined language cannot be written.
   */
  runCode(code: string, options: ProgramOptions & CodeOptions & BytesOutput): CodeHandle<Buffer>
  runCode(code: string, options?: ProgramOptions & CodeOptions & TextOutput): CodeHandle
  runCode(code: string, options: RunCodeOptions): CodeHandle | CodeHandle<Buffer>
  runCode(code: string, options: RunCodeOptions = {}): CodeHandle | CodeHandle<Buffer> {
    const conclude = { text: codeResult<string>, bytes: codeResult<Buffer> }
    return createHandle(options, conclude, () => this.#programs.code(code, options))
  }

  /**
   * Runs code, calls one of its functions and returns the function's value. Arguments and value are
   * JSON; printed output does not mix with them. The code is not the main program: `__name__` is
   * `'main'`, and `require.main` is another module.
   *
   * An error of the code is never thrown: the result has `ok: true` and a `value`, or `ok: false`,
   * a `reason` and a `message`. If there is a `schema` (any Standard Schema), it validates the
   * value, and the `value` of the result is the output of the schema.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`; `SANDBOX_INVALID_OPTION`, for example if an argument
   * is not JSON or if the language is a defined language.
   */
  async call<Schema extends StandardSchemaV1>(
    code: string,
    options: CallOptions & { schema: Schema },
  ): Promise<CallResult<StandardSchemaV1.InferOutput<Schema>>>
  async call<Value = unknown>(
    code: string,
    options?: CallOptions & { schema?: undefined },
  ): Promise<CallResult<Value>>
  async call(
    code: string,
    options: CallOptions & { schema?: StandardSchemaV1 | undefined } = {},
  ): Promise<CallResult> {
    this.#requireBuiltIn('call')
    const program = this.#programs.functionCall(code, options)
    const handleOptions = { format: formats.text, conclude: codeResult<string> }
    const result = await new ExecHandle(() => program, handleOptions)
    return callResult(result, program.output.records, options.schema ?? v.unknown())
  }

  /**
   * Creates a context: a process that keeps variables and imports from one
   * `runCode(code, { context })` to the next, until the lease ends. Other contexts, and runs
   * without a context, do not see its variables. A sandbox has at most 8 contexts. The least
   * recently used idle contexts are lost until all idle contexts except the last used one fit into
   * a quarter of the container's memory.
   *
   * @throws SandboxError `SANDBOX_TOO_MANY_CONTEXTS`, `SANDBOX_CONTEXT_LOST`,
   * `SANDBOX_WAIT_TIMEOUT`, `SANDBOX_LEASE_ENDED` or `SANDBOX_INVALID_OPTION`.
   * @throws SandboxFileError if `cwd` is not a folder.
   */
  async createCodeContext(options: CodeContextOptions = {}): Promise<CodeContext> {
    this.#requireBuiltIn('createCodeContext')
    const checked = check(calls.ContextCall, options, 'createCodeContext')
    const env = this.#programs.variables(checked.env)
    this.#use()
    return this.#state.createContext({ ...checked, env }, this.signal).catch((error: unknown) => {
      this.#use() // If the lease has ended, this is the reason.
      throw error
    })
  }

  /** Returns the contexts of the container, in the order of their creation. */
  listCodeContexts(): CodeContext[] {
    return this.#state.contexts.list()
  }

  /**
   * Interrupts the run that a context executes, for example for a stop button in another request of
   * the session. The result of the run has `killedBy: 'abort'`; the context keeps its variables, and
   * continues with the next run. It does nothing if the context executes no run.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT` or `SANDBOX_LEASE_ENDED`.
   */
  interruptCodeContext(context: CodeContext | string): void {
    this.#use()
    this.#state.contexts.get(check(calls.ContextName, context, 'interruptCodeContext')).interrupt()
  }

  /**
   * Deletes a context and kills the program that runs in it.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT`.
   */
  async deleteCodeContext(context: CodeContext | string): Promise<void> {
    this.#use()
    await this.#state.contexts.delete(check(calls.ContextName, context, 'deleteCodeContext'))
  }

  /**
   * Runs a command: a string with `/bin/sh -c`, an array without a shell. Await the handle for the
   * result, or iterate it for the output while the command runs.
   *
   * A failure of the command is never thrown. If the command is not found, the exit code is 127, as
   * in a shell. If the `signal` aborts, the result has `killedBy: 'abort'`.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED` or `SANDBOX_INVALID_OPTION`.
   */
  exec(
    command: string | readonly string[],
    options: ProgramOptions & BytesOutput,
  ): ExecHandle<Buffer>
  exec(command: string | readonly string[], options?: ProgramOptions & TextOutput): ExecHandle
  exec(command: string | readonly string[], options: ExecOptions): ExecHandle | ExecHandle<Buffer>
  exec(
    command: string | readonly string[],
    options: ExecOptions = {},
  ): ExecHandle | ExecHandle<Buffer> {
    const conclude = { text: unchanged<string>, bytes: unchanged<Buffer> }
    return createHandle(options, conclude, () => this.#programs.command(command, options))
  }

  /**
   * Starts a command as a background process: a string with `/bin/sh -c`, an array without a shell.
   * Resolves when the process runs. All processes are killed when the lease ends, or the session if
   * there is one.
   *
   * @throws SandboxError `SANDBOX_PROCESS_EXITED` if the process cannot be started: the message has
   * the reason; `SANDBOX_WAIT_TIMEOUT` if it does not start within `timeoutMs`;
   * `SANDBOX_LEASE_ENDED` or `SANDBOX_INVALID_OPTION`. If the `signal` aborts before the start,
   * throws its reason.
   */
  async startProcess(
    command: string | readonly string[],
    options: StartProcessOptions = {},
  ): Promise<SandboxProcess> {
    const argv = calls.argvOf(command, 'startProcess')
    const checked = check(calls.StartCall, options, 'startProcess')
    this.#use()
    const env = this.#programs.variables(checked.env)
    return this.#state.processes.start(command, argv, { ...checked, env })
  }

  /**
   * Returns the processes that `startProcess()` has started in this lease, in the order of their
   * start. At most 20 of them have exited: older ones are dropped from the list.
   */
  listProcesses(): SandboxProcess[] {
    return this.#state.processes.list()
  }

  /**
   * Returns the process with this id.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_PROCESS`.
   */
  getProcess(id: string): SandboxProcess {
    return this.#state.processes.get(id)
  }

  /**
   * Sends a signal to the process with this id, and to all its descendants.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_PROCESS` or `SANDBOX_INVALID_OPTION`.
   */
  killProcess(id: string, signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#state.processes.get(id).kill(signal)
  }

  /**
   * Whether a call is in progress: a program of `runCode`, `exec` or `call`, or a file call.
   * Background processes do not count. File calls that stream do not count either, because they
   * wait for the other end of the stream.
   */
  get isBusy(): boolean {
    return this.#lease.isBusy
  }

  /**
   * Ends the lease. A container that was not used goes back to the pool; a used container is
   * replaced; the container of a session stays with the session.
   */
  release(reason: LeaseEnd = 'released'): Released {
    return this.#lease.end(reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }

  #requireBuiltIn(method: string): void {
    if (!this.#state.fileRuns) return
    const supported = 'Python, JavaScript and TypeScript'
    const message = `${method}: not supported for ${this.language}, only for ${supported}`
    throw new SandboxError('SANDBOX_INVALID_OPTION', message)
  }
}

/**
 * Returns the result of a command unchanged. Only code has results and an error besides its output.
 */
const unchanged = <Data>(result: ExecResult<Data>): ExecResult<Data> => result
