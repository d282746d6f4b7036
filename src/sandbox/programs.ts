import type { Channel } from '../agent/channel.js'
import type { ExecRequest, RunRequest } from '../agent/protocol.js'
import type { LanguageCommands } from '../languages/define.js'
import type { Lease } from '../pool/lease.js'
import { check } from '../schemas/check.js'
import * as calls from '../schemas/sandbox-calls.js'
import type { CodeContexts } from './code/contexts.js'
import { FileRuns } from './code/file-runs.js'
import type { CallOptions } from './code/function-call.js'
import type { RunCodeOptions } from './code/options.js'
import type { ProgramLimits } from './program/limits.js'
import type { ExecOptions } from './program/options.js'
import { ProgramSlots } from './program/program-slots.js'
import { Program } from './program/program.js'

/** The default time limit of a call that runs a program. */
export const DEFAULT_TIMEOUT_MS = 30_000

/** The parts of a sandbox that its programs need. */
interface ProgramsOptions {
  /** Returns the lease for use; throws if the lease is over. */
  use: () => Lease<Channel>
  contexts: CodeContexts
  /** The commands of a defined language; absent if the agent itself runs the code. */
  commands: LanguageCommands | undefined
  writeFile: ConstructorParameters<typeof FileRuns>[1]
  /** The maximum number of programs that run at once. */
  maxPrograms: number
}

/** Starts the programs of one lease: in a slot, in a context, or from a file. */
export class Programs {
  readonly #use: () => Lease<Channel>
  readonly #contexts: CodeContexts
  readonly #fileRuns: FileRuns | undefined
  readonly #slots: ProgramSlots

  constructor({ use, contexts, commands, writeFile, maxPrograms }: ProgramsOptions) {
    this.#use = use
    this.#contexts = contexts
    this.#fileRuns = commands && new FileRuns(commands, writeFile)
    this.#slots = new ProgramSlots(maxPrograms)
  }

  /**
   * Creates the program of `runCode()`. A program without a context runs in a slot; code of a
   * defined language runs from a file.
   */
  code(code: string, options: RunCodeOptions): Program {
    const checked = check(calls.RunCall, options, 'runCode')
    const { args, context, timeoutMs = DEFAULT_TIMEOUT_MS, ...rest } = checked
    const { cwd, env } = rest
    const limits = { ...rest, timeoutMs }
    const text = calls.codeOf(code, 'runCode')
    if (context !== undefined) {
      check(calls.RunInContext, options, 'runCode with a context')
      const found = this.#contexts.get(context)
      const lease = this.#use()
      const request = { op: 'run', code: text, context: found.about.id } as const
      return found.run((queued) => new Program(lease, request, { ...limits, ...queued }))
    }
    if (this.#fileRuns) return this.#fileRuns.start(this.#use(), text, args ?? [], limits)
    return this.#inSlot({ op: 'run', code: text, cwd, env, args }, limits)
  }

  /** Creates the program of `call()`. */
  functionCall(code: string, options: CallOptions): Program {
    const { entry = 'main', args = [], kwargs = {}, ...rest } = options
    check(calls.CallCall, options, 'call')
    const { cwd, env, timeoutMs = DEFAULT_TIMEOUT_MS, signal, maxOutputBytes } = rest
    const call = { entry, args, kwargs }
    const request = { op: 'run', code: calls.codeOf(code, 'call'), cwd, env, call } as const
    return this.#inSlot(request, { timeoutMs, signal, maxOutputBytes })
  }

  /** Creates the program of `exec()`. */
  command(command: string | readonly string[], options: ExecOptions): Program {
    const argv = calls.argvOf(command, 'exec')
    const checked = check(calls.ExecCall, options, 'exec')
    const { cwd, env, timeoutMs = DEFAULT_TIMEOUT_MS } = checked
    return this.#inSlot({ op: 'exec', argv, cwd, env }, { ...checked, timeoutMs })
  }

  /** Creates a program that starts as soon as a slot is free. */
  #inSlot(
    request: RunRequest | ExecRequest,
    limits: ProgramLimits & { timeoutMs: number },
  ): Program {
    const lease = this.#use()
    return this.#slots.run(
      limits.timeoutMs,
      (after) => new Program(lease, request, { ...limits, after }),
    )
  }
}
