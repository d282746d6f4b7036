import type { Channel } from '../agent/channel.js'
import type { Lease } from '../pool/lease.js'
import { useOf } from '../pool/lease.js'
import { SandboxFileError } from '../errors.js'
import { deadlineIn } from '../util/deadline.js'
import type { CodeContext, CodeContextOptions } from './code/contexts.js'
import { CodeContexts } from './code/contexts.js'
import { FileRuns } from './code/file-runs.js'
import { DEFAULT_MAX_READ_BYTES, Files } from './files/files.js'
import { Processes } from './process/processes.js'
import { ProgramSlots } from './program/program-slots.js'
import type { SandboxAbout } from './about.js'
import { DEFAULT_TIMEOUT_MS } from './program/limits.js'

/**
 * Everything that stays in a container from one call to the next: contexts, background processes,
 * and the order of its programs. It lives as long as the lease of the container. The requests of
 * one session share it, and each of them has a lease of its own for its programs.
 */
export class SandboxState {
  readonly contexts: CodeContexts
  readonly processes: Processes
  readonly slots: ProgramSlots
  /** Runs the code of a defined language; `undefined` if the agent itself runs the code. */
  readonly fileRuns: FileRuns | undefined
  readonly #files: Files

  constructor(
    readonly lease: Lease<Channel>,
    { language, commands, maxPrograms = Infinity, onProgramEnded }: SandboxAbout,
  ) {
    const files = new Files(useOf(lease))
    this.#files = files
    this.contexts = new CodeContexts(lease, language)
    this.processes = new Processes(lease, {
      readFile: (path) => files.read({ op: 'read', path }, DEFAULT_MAX_READ_BYTES, {}),
      onProgramEnded,
    })
    this.slots = new ProgramSlots(maxPrograms)
    this.fileRuns = commands && new FileRuns(commands)
  }

  /** Creates a context. Gives up if `leaseEnd` aborts, because its creator cannot use it then. */
  async createContext(options: CodeContextOptions, leaseEnd: AbortSignal): Promise<CodeContext> {
    const { cwd, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options
    const ends = signal ? AbortSignal.any([leaseEnd, signal]) : leaseEnd
    const deadline = deadlineIn(timeoutMs, ends)
    try {
      const call = { signal: deadline.signal }
      if (cwd !== undefined && (await this.#files.stat(cwd, call)).type !== 'directory') {
        throw new SandboxFileError('ENOTDIR', cwd, 'not a directory')
      }
      return await this.contexts.create(options, deadline.signal)
    } finally {
      deadline.clear()
    }
  }
}
