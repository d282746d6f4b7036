import type { Channel } from './agent/channel.js'
import type { Collected } from './files/collect.js'
import { collect } from './files/collect.js'
import { deadlineIn } from './deadline.js'
import { SandboxError, SandboxFileError } from './errors.js'
import { ExecHandle } from './exec/handle.js'
import type {
  BytesOutput,
  CodeOptions,
  ExecOptions,
  ProgramOptions,
  RunCodeOptions,
  TextOutput,
} from './exec/options.js'
import type { Content } from './bytes/feed.js'
import type {
  CollectOptions,
  FileCallOptions,
  ReadFileOptions,
  TreeOptions,
  WriteFileOptions,
} from './files/options.js'
import type { FileEntry } from './files/files.js'
import { Files } from './files/files.js'
import { letGo } from './bytes/feed.js'
import * as formats from './exec/format.js'
import type { Lease, LeaseEnd, Released } from './lease.js'
import * as calls from './options.js'
import { check } from './options.js'
import type { SandboxProcess } from './process/process.js'
import type { StartProcessOptions } from './process/processes.js'
import { Processes } from './process/processes.js'
import { Program } from './exec/program.js'

type FileFormat = 'bytes' | 'text' | 'stream'

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_READ_BYTES = 64 * 1024 * 1024

/**
 * A leased container, as a handler holds it: `c.get('sandbox')`.
 *
 * Everything in it is this lease's alone. When the lease is over, every call throws
 * `SANDBOX_LEASE_ENDED`, and what was still running is killed.
 *
 * Paths are relative to `/workspace`. File calls have the rights of the user's code, no more; where
 * the system refuses they throw a `SandboxFileError` with its `errno`: `ENOENT`, `EACCES`, `EISDIR`,
 * `ENOSPC`, `ENAMETOOLONG`, ... With an aborted `signal` that is `ECANCELED`, past `timeoutMs`
 * `ETIMEDOUT`.
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
export class Sandbox implements AsyncDisposable {
  /** The container's name in the engine. */
  readonly name: string
  readonly language: string
  /** The runtime it runs under: `runc`, `runsc`, ... */
  readonly runtime: string
  /** Aborts when the lease ends; the reason is a `LeaseEnd`. */
  readonly signal: AbortSignal
  readonly #lease: Lease<Channel>
  readonly #files = new Files(() => this.#use())
  readonly #processes = new Processes()

  /** For the pool; people get one from `acquire()` or the middleware. */
  constructor(lease: Lease<Channel>, about: { language: string; runtime: string }) {
    this.#lease = lease
    this.name = lease.container.name
    this.signal = lease.signal
    this.language = about.language
    this.runtime = about.runtime
  }

  /**
   * Runs code of the sandbox's language in a warm interpreter, as a script of its own. Await the
   * handle for the result, or iterate it for the output as it comes.
   *
   * Never throws for what the code does; on abort the result says `killedBy: 'abort'`.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
   */
  runCode(code: string, options: ProgramOptions & CodeOptions & BytesOutput): ExecHandle<Buffer>
  runCode(code: string, options?: ProgramOptions & CodeOptions & TextOutput): ExecHandle
  runCode(code: string, options: RunCodeOptions): ExecHandle | ExecHandle<Buffer>
  runCode(code: string, options: RunCodeOptions = {}): ExecHandle | ExecHandle<Buffer> {
    return handle(options, () => {
      const { args, ...program } = check(calls.RunCall, options, 'runCode')
      if (typeof code !== 'string') {
        throw new SandboxError('SANDBOX_INVALID_OPTION', 'runCode: the code is not a string')
      }
      const { cwd, env, timeoutMs = DEFAULT_TIMEOUT_MS } = program
      const request = { op: 'run', code, cwd, env, args } as const
      return new Program(this.#use(), request, { ...program, timeoutMs })
    })
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
    return handle(options, () => {
      const argv = argvOf(command, 'exec')
      const program = check(calls.ExecCall, options, 'exec')
      const { cwd, env, timeoutMs = DEFAULT_TIMEOUT_MS } = program
      return new Program(this.#use(), { op: 'exec', argv, cwd, env }, { ...program, timeoutMs })
    })
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
    const argv = argvOf(command, 'startProcess')
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

  /** Writes a file over what was there. Its folder must exist. A stream is never whole in memory. */
  async writeFile(path: string, content: Content, options: WriteFileOptions = {}): Promise<void> {
    const data = check(calls.Content, content, 'writeFile: content')
    const { atomic, mode, ...call } = check(calls.WriteCall, options, 'writeFile')
    await this.#files.write({ op: 'write', path: pathOf(path), atomic, mode }, data, call)
  }

  /** Writes files, one after the other, each as `writeFile()` does; ends at the first that fails. */
  async writeFiles(
    files: readonly { path: string; content: Content }[],
    options: WriteFileOptions = {},
  ): Promise<void> {
    const checked = check(calls.FilesToWrite, files, 'writeFiles')
    const { timeoutMs, signal, ...request } = check(calls.WriteCall, options, 'writeFiles')
    try {
      await inTime({ timeoutMs, signal }, async (call) => {
        for (const { path, content } of checked) {
          await this.#files.write({ op: 'write', path, ...request }, content, call)
        }
      })
    } finally {
      for (const { content } of checked) letGo(content) // what was not reached
    }
  }

  /**
   * Reads a regular file: as a `Buffer`, as text (UTF-8, anything else becomes U+FFFD), or as a
   * stream, which reads no further than it is read.
   */
  async readFile(
    path: string,
    options?: ReadFileOptions & { format?: 'bytes' | undefined },
  ): Promise<Buffer>
  async readFile(path: string, options: ReadFileOptions & { format: 'text' }): Promise<string>
  async readFile(
    path: string,
    options: ReadFileOptions & { format: 'stream' },
  ): Promise<ReadableStream<Uint8Array>>
  async readFile(
    path: string,
    options: ReadFileOptions & { format?: FileFormat | undefined },
  ): Promise<Buffer | string | ReadableStream<Uint8Array>>
  async readFile(
    path: string,
    options: ReadFileOptions & { format?: FileFormat | undefined } = {},
  ): Promise<Buffer | string | ReadableStream<Uint8Array>> {
    const { format, maxBytes, offset, length, ...call } = check(calls.ReadCall, options, 'readFile')
    const request = { op: 'read', path: pathOf(path), offset, length } as const
    if (format === 'stream') return this.#files.stream(request, call)
    const bytes = await this.#files.read(request, maxBytes ?? DEFAULT_MAX_READ_BYTES, call)
    return format === 'text' ? bytes.toString() : bytes
  }

  /** What is in a folder, by path. Links are listed, not followed. */
  async listFiles(path = '.', options: TreeOptions = {}): Promise<FileEntry[]> {
    const { recursive = false, ...call } = check(calls.TreeCall, options, 'listFiles')
    return this.#files.list(pathOf(path), recursive, call)
  }

  /** What a path leads to, through links. */
  async stat(path: string, options: FileCallOptions = {}): Promise<FileEntry> {
    const call = check(calls.FileCallWaiting, options, 'stat')
    return this.#files.stat(pathOf(path), call)
  }

  /** Whether a path leads to something; `false` as well where a link leads nowhere. */
  async exists(path: string, options: FileCallOptions = {}): Promise<boolean> {
    const call = check(calls.FileCallWaiting, options, 'exists')
    try {
      await this.#files.stat(pathOf(path), call)
      return true
    } catch (error) {
      if (error instanceof SandboxFileError && NOTHING_THERE.has(error.errno)) return false
      throw error
    }
  }

  /** Makes a folder. With `recursive` those above it too, and one that is there is no error. */
  async mkdir(path: string, options: TreeOptions = {}): Promise<void> {
    const { recursive, ...call } = check(calls.TreeCall, options, 'mkdir')
    await this.#files.ask({ op: 'mkdir', path: pathOf(path), recursive }, call)
  }

  /** Moves a file or a folder; a file at the new place is replaced. */
  async moveFile(from: string, to: string, options: FileCallOptions = {}): Promise<void> {
    const call = check(calls.FileCallWaiting, options, 'moveFile')
    const paths = [pathOf(from), pathOf(to)] as const
    await inTime(call, (each) => this.#files.move(...paths, each))
  }

  /** Deletes a file or a link. With `recursive` a folder too, with all that is in it. */
  async deleteFile(path: string, options: TreeOptions = {}): Promise<void> {
    const { recursive, ...call } = check(calls.TreeCall, options, 'deleteFile')
    await this.#files.ask({ op: 'delete', path: pathOf(path), recursive }, call)
  }

  /**
   * Gives the files that a run left behind, with their content and type. What is past the limits or
   * cannot be read is counted in `omitted`. Links are not followed.
   */
  async collect(options: CollectOptions = {}): Promise<Collected> {
    check(calls.CollectCall, options, 'collect')
    return inTime(options, (call) => collect(this.#files, { ...options, ...call }))
  }

  /** Ends the lease. An untouched container goes back to the pool; a used one is replaced. */
  release(how: LeaseEnd = 'released'): Released {
    return this.#lease.end(how)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }

  #use(): Lease<Channel> {
    const { ended } = this.#lease
    if (ended) throw leaseEnded(this.name, ended)
    this.#lease.touch()
    return this.#lease
  }
}

const NOTHING_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/** The options are checked in `start`: what is wrong is for who awaits the handle. */
function handle(given: ExecOptions, start: () => Program): ExecHandle | ExecHandle<Buffer> {
  const options = given ?? {}
  const { stdin } = options
  if (options.format === 'bytes') {
    const { onStdout, onStderr } = options
    return new ExecHandle(start, { format: formats.bytes, stdin, onStdout, onStderr })
  }
  const { onStdout, onStderr } = options
  return new ExecHandle(start, { format: formats.text, stdin, onStdout, onStderr })
}

/** One deadline for a call that asks the agent more than once. */
async function inTime<T>(
  { timeoutMs, signal }: FileCallOptions,
  run: (call: FileCallOptions) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return run({ signal })
  const deadline = deadlineIn(timeoutMs, signal)
  return run({ timeoutMs: undefined, signal: deadline.signal }).finally(deadline.clear)
}

function argvOf(command: string | readonly string[], where: string): readonly string[] {
  const checked = check(calls.ExecCommand, command, where)
  return typeof checked === 'string' ? ['/bin/sh', '-c', checked] : checked
}

function pathOf(path: string): string {
  return check(calls.Path, path, 'path')
}

const AFTER_END: Readonly<Record<LeaseEnd, string>> = {
  released: 'Finish with the sandbox before the response is over, or acquire one yourself',
  aborted: 'The client is gone, nobody waits for this',
  failed: 'The handler threw',
  ttl: 'It was held for longer than leaseTtlMs',
  crash: 'Look at killedBy of the result before: oom and crash may take the container with them',
  closed: 'The pool was closed',
}

function leaseEnded(name: string, how: LeaseEnd): SandboxError {
  return new SandboxError('SANDBOX_LEASE_ENDED', `the lease of ${name} is over (${how})`, {
    suggestion: AFTER_END[how],
  })
}
