import type { Channel } from './agent/channel.js'
import type { Exchange, Outcome } from './agent/exchange.js'
import { Stream } from './agent/protocol.js'
import { SandboxError, SandboxFileError } from './errors.js'
import type { FileEntry } from './files.js'
import { readEntries } from './files.js'
import type { Lease, LeaseEnd, Released } from './lease.js'
import {
  check,
  Content,
  ExecCommand,
  ExecOptions,
  Path,
  ReadOptions,
  RunOptions,
} from './options.js'
import type { ExecResult, ProgramOptions } from './program.js'
import { runProgram } from './program.js'

/** What {@link Sandbox.runCode} takes beside the code. */
export interface RunCodeOptions extends ProgramOptions {
  /** The program's arguments: `sys.argv[1:]`, `process.argv.slice(2)`. */
  args?: readonly string[]
}

/** What {@link Sandbox.readFile} takes beside the path. */
export interface ReadFileOptions {
  /**
   * A longer file is an `EFBIG` instead of so much memory.
   *
   * @default 67_108_864
   */
  maxBytes?: number
}

const DEFAULT_MAX_READ_BYTES = 64 * 1024 * 1024

/**
 * A leased container, as a handler holds it: `c.get('sandbox')`.
 *
 * Everything in it is this lease's alone. When the lease is over, every call throws
 * `SANDBOX_LEASE_ENDED`, and what was still running is killed.
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

  /** For the pool; people get one from `acquire()` or the middleware. */
  constructor(lease: Lease<Channel>, about: { language: string; runtime: string }) {
    this.#lease = lease
    this.name = lease.container.name
    this.signal = lease.signal
    this.language = about.language
    this.runtime = about.runtime
  }

  /**
   * Runs code of the sandbox's language in a warm interpreter, as a script of its own.
   *
   * Never throws for what the code does; on abort the result says `killedBy: 'abort'`.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
   */
  async runCode(code: string, options: RunCodeOptions = {}): Promise<ExecResult> {
    const { args, ...program } = check(RunOptions, options, 'runCode')
    const { cwd, env } = program
    if (typeof code !== 'string') {
      throw new SandboxError('SANDBOX_INVALID_OPTION', 'runCode: the code is not a string')
    }
    return runProgram(this.#use(), { op: 'run', code, cwd, env, args }, program)
  }

  /**
   * Runs a command: a string through `/bin/sh -c`, an array as it is.
   *
   * A command that is not found is exit code 127, as in a shell. Never throws for what the command
   * does; on abort the result says `killedBy: 'abort'`.
   *
   * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
   */
  async exec(
    command: string | readonly string[],
    options: ProgramOptions = {},
  ): Promise<ExecResult> {
    const checked = check(ExecCommand, command, 'exec')
    const program = check(ExecOptions, options, 'exec')
    const argv = typeof checked === 'string' ? ['/bin/sh', '-c', checked] : checked
    const { cwd, env } = program
    return runProgram(this.#use(), { op: 'exec', argv, cwd, env }, program)
  }

  /**
   * Writes a file, relative to `/workspace`, over what was there. Its folder must exist.
   *
   * @throws SandboxFileError with the system's `errno`: `ENOENT`, `EACCES`, `ENOSPC`, ...
   */
  async writeFile(path: string, content: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(check(Content, content, 'writeFile: content'))
    const exchange = this.#openFile('write', path, () => {})
    const written = exchange.write(bytes).then(() => exchange.end())
    await Promise.all([written, settled(exchange.outcome, path)])
  }

  /**
   * Reads a regular file, relative to `/workspace`.
   *
   * @throws SandboxFileError with the system's `errno`: `ENOENT`, `EISDIR`, `EACCES`, `EFBIG`, ...
   */
  async readFile(path: string, options: ReadFileOptions = {}): Promise<Buffer> {
    const { maxBytes = DEFAULT_MAX_READ_BYTES } = check(ReadOptions, options, 'readFile')
    return this.#read('read', path, maxBytes)
  }

  /**
   * What is in a folder, by name.
   *
   * @throws SandboxFileError with the system's `errno`: `ENOENT`, `ENOTDIR`, `EACCES`, ...
   */
  async listFiles(path = '.'): Promise<FileEntry[]> {
    return readEntries(await this.#read('list', path, DEFAULT_MAX_READ_BYTES))
  }

  /** Ends the lease. An untouched container goes back to the pool; a used one is replaced. */
  release(how: LeaseEnd = 'released'): Released {
    return this.#lease.end(how)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }

  async #read(op: 'read' | 'list', path: string, maxBytes: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    const exchange = this.#openFile(op, path, (bytes) => {
      size += bytes.length
      if (size <= maxBytes) chunks.push(bytes)
      else exchange.signal(SIGTERM)
      exchange.consumed(Stream.stdout, bytes.length)
    })
    await settled(exchange.outcome, path)
    if (size > maxBytes) throw new SandboxFileError('EFBIG', path, `longer than ${maxBytes} bytes`)
    return Buffer.concat(chunks)
  }

  #openFile(
    op: 'read' | 'write' | 'list',
    path: string,
    onData: (bytes: Buffer) => void,
  ): Exchange {
    const checked = check(Path, path, 'path')
    return this.#use().container.open({ op, path: checked }, (_, bytes) => onData(bytes))
  }

  #use(): Lease<Channel> {
    const { ended } = this.#lease
    if (ended) throw leaseEnded(this.name, ended)
    this.#lease.touch()
    return this.#lease
  }
}

const SIGTERM = 15

async function settled(outcome: Promise<Outcome>, path: string): Promise<void> {
  const end = await outcome
  if ('lost' in end) {
    throw new SandboxError('SANDBOX_LEASE_ENDED', 'the container ended during a file operation')
  }
  const { error } = end.done
  if (error) throw new SandboxFileError(error.code, path, error.message)
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
