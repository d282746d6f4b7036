import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'
import type { Channel } from '../agent/channel.js'
import type { CallOptions, CallResult } from './code/function-call.js'
import { callResult } from './code/function-call.js'
import type { CodeContext, CodeContextOptions } from './code/contexts.js'
import { CodeContexts } from './code/contexts.js'
import type { CodeOptions, RunCodeOptions } from './code/options.js'
import { codeResult } from './code/result.js'
import { deadlineIn } from '../util/deadline.js'
import type { LanguageCommands } from '../languages/define.js'
import { SandboxError, SandboxFileError } from '../errors.js'
import * as formats from './program/format.js'
import { ExecHandle } from './program/handle.js'
import type { BytesOutput, ExecOptions, ProgramOptions, TextOutput } from './program/options.js'
import type { CodeResult, ExecResult } from './program/result.js'
import { createHandle } from './program/create-handle.js'
import type { Lease, LeaseEnd, Released } from '../pool/lease.js'
import { leaseEnded } from '../pool/lease.js'
import * as calls from '../schemas/sandbox-calls.js'
import { check } from '../schemas/check.js'
import type { SandboxProcess } from './process/process.js'
import type { StartProcessOptions } from './process/processes.js'
import { Processes } from './process/processes.js'
import { DEFAULT_TIMEOUT_MS, Programs } from './programs.js'
import { SandboxFiles } from './sandbox-files.js'

/** What a sandbox is of. */
export interface SandboxAbout {
  language: string
  /** The runtime it runs under. */
  runtime: string
  /** The commands that run code; absent if the agent itself runs it. */
  commands?: LanguageCommands | undefined
  /** How many programs may run at once; absent for any number. */
  maxPrograms?: number | undefined
}

/** Code that runs, as `runCode()` gives it. */
export type CodeHandle<Data = string> = ExecHandle<Data, CodeResult<Data>>

/**
 * A leased container, as a handler holds it: `c.get('sandbox')`.
 *
 * Everything in it is this lease's alone. When the lease is over, every call throws
 * `SANDBOX_LEASE_ENDED`, and what was still running is killed. Its file calls are those of
 * {@link SandboxFiles}.
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
  /** The container's name in the engine. */
  readonly name: string
  readonly language: string
  /** The runtime it runs under: `runc`, `runsc`, ... */
  readonly runtime: string
  /** Aborts when the lease ends; the reason is a `LeaseEnd`. */
  readonly signal: AbortSignal
  readonly #lease: Lease<Channel>
  readonly #isDefined: boolean
  readonly #programs: Programs
  readonly #processes = new Processes()
  readonly #contexts = new CodeContexts()

  /** For the pool; people get one from `acquire()` or the middleware. */
  constructor(lease: Lease<Channel>, about: SandboxAbout) {
    super(() => this.#use())
    this.#lease = lease
    const { commands, maxPrograms = Infinity } = about
    this.#isDefined = commands !== undefined
    this.#programs = new Programs({
      use: () => this.#use(),
      contexts: this.#contexts,
      commands,
      writeFile: (...file) => this.writeFile(...file),
      maxPrograms,
    })
    this.name = lease.container.name
    this.signal = lease.signal
    this.language = about.language
    this.runtime = about.runtime
  }

  /**
   * Runs code of the sandbox's language in a warm interpreter: as a script of its own, or in a
   * `context`. Await the handle for the result, or iterate it for what happens as it happens.
   *
   * The result has what the code showed beside what it printed: `text` and `results`, and `error`
   * where it failed. Never throws for what the code does; on abort the result says
   * `killedBy: 'abort'`. If a run in a context has to end it is interrupted, and killed half a second
   * later if it goes on.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`, `SANDBOX_UNKNOWN_CONTEXT`;
   * once after a context's process has died `SANDBOX_CONTEXT_LOST`; SandboxFileError where a defined
   * language's file cannot be written.
   */
  runCode(code: string, options: ProgramOptions & CodeOptions & BytesOutput): CodeHandle<Buffer>
  runCode(code: string, options?: ProgramOptions & CodeOptions & TextOutput): CodeHandle
  runCode(code: string, options: RunCodeOptions): CodeHandle | CodeHandle<Buffer>
  runCode(code: string, options: RunCodeOptions = {}): CodeHandle | CodeHandle<Buffer> {
    const conclude = { text: codeResult<string>, bytes: codeResult<Buffer> }
    return createHandle(options, conclude, () => this.#programs.code(code, options))
  }

  /**
   * Runs code, calls a function of it, and gives what the function gives: JSON in, JSON out, beside
   * anything that is printed. The code is not the main program: `__name__` is `'main'`,
   * `require.main` another module.
   *
   * Never throws for what the code does: the result is `ok` with a `value`, or has a `reason` and a
   * `message`. With a `schema`, any Standard Schema, the value is what the schema makes of it.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`; `SANDBOX_INVALID_OPTION`, also for a language without
   * functions and arguments that are not JSON.
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
    const how = { format: formats.text, conclude: codeResult<string> }
    const result = await new ExecHandle(() => program, how)
    return callResult(result, program.output.records, options.schema ?? v.unknown())
  }

  /**
   * Makes a context: names, imports and values that live from one `runCode(code, { context })` to the
   * next, until the lease is over. No other context sees them, nor does a run without one. A sandbox
   * has up to 8; all but the last used may hold a quarter of its memory together, and the one that
   * was idle for longest is lost where they hold more.
   *
   * @throws SandboxError `SANDBOX_TOO_MANY_CONTEXTS`, `SANDBOX_CONTEXT_LOST`, `SANDBOX_WAIT_TIMEOUT`,
   * `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`; SandboxFileError for a `cwd` that is no folder.
   */
  async createCodeContext(options: CodeContextOptions = {}): Promise<CodeContext> {
    this.#requireBuiltIn('createCodeContext')
    const checked = check(calls.ContextCall, options, 'createCodeContext')
    const { cwd, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = checked
    const deadline = deadlineIn(timeoutMs, signal)
    try {
      const call = { signal: deadline.signal }
      if (cwd !== undefined && (await this.stat(cwd, call)).type !== 'directory') {
        throw new SandboxFileError('ENOTDIR', cwd, 'not a directory')
      }
      return await this.#contexts.create(this.#use(), this.language, checked, deadline.signal)
    } finally {
      deadline.clear()
    }
  }

  /** The contexts of this lease, in the order of their creation. */
  listCodeContexts(): CodeContext[] {
    return this.#contexts.list()
  }

  /**
   * Ends a context, and what runs in it.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_CONTEXT`.
   */
  async deleteCodeContext(context: CodeContext | string): Promise<void> {
    await this.#contexts.delete(check(calls.ContextName, context, 'deleteCodeContext'))
  }

  /**
   * Runs a command: a string through `/bin/sh -c`, an array as it is. Await the handle for the
   * result, or iterate it for the output as it comes.
   *
   * A command that is not found is exit code 127, as in a shell. Never throws for what the command
   * does; on abort the result says `killedBy: 'abort'`.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
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
    const conclude = { text: same<string>, bytes: same<Buffer> }
    return createHandle(options, conclude, () => this.#programs.command(command, options))
  }

  /**
   * Starts a command that runs in the background of the lease, as `exec()` takes it. Resolves when it
   * runs; all of them end with the lease.
   *
   * @throws SandboxError `SANDBOX_PROCESS_EXITED` where it cannot be started, with why;
   * `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
   */
  async startProcess(
    command: string | readonly string[],
    options: StartProcessOptions = {},
  ): Promise<SandboxProcess> {
    const argv = calls.argvOf(command, 'startProcess')
    const checked = check(calls.StartCall, options, 'startProcess')
    const readFile = (path: string) => this.readFile(path)
    return this.#processes.start(this.#use(), command, argv, checked, readFile)
  }

  /** What `startProcess()` has started in this lease, in order; of those that exited the last 20. */
  listProcesses(): SandboxProcess[] {
    return this.#processes.list()
  }

  /**
   * A process by its id.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_PROCESS`.
   */
  getProcess(id: string): SandboxProcess {
    return this.#processes.get(id)
  }

  /**
   * Signals a process by its id.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_PROCESS`, `SANDBOX_INVALID_OPTION`.
   */
  killProcess(id: string, signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#processes.get(id).kill(signal)
  }

  /**
   * Whether a call is under way: a program of `runCode`, `exec` or `call`, or a file call. A process
   * in the background is none, nor is a file that is streamed, which waits for the other end.
   */
  get isBusy(): boolean {
    return this.#lease.isBusy
  }

  /** Ends the lease. An untouched container goes back to the pool; a used one is replaced. */
  release(how: LeaseEnd = 'released'): Released {
    return this.#lease.end(how)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }

  #requireBuiltIn(where: string): void {
    if (!this.#isDefined) return
    const message = `${where}: ${this.language} has no such thing, only Python and JavaScript have`
    throw new SandboxError('SANDBOX_INVALID_OPTION', message)
  }

  #use(): Lease<Channel> {
    const { ended } = this.#lease
    if (ended) throw leaseEnded(this.name, ended)
    this.#lease.touch()
    return this.#lease
  }
}

/** A program that is not code has nothing to say beside its output. */
const same = <Data>(result: ExecResult<Data>): ExecResult<Data> => result
