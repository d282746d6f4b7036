import type { Channel } from '../agent/channel.js'
import type { ExecRequest, RunRequest } from '../agent/protocol.js'
import type { Variables } from '../languages/container-options.js'
import type { Lease } from '../pool/lease.js'
import { check } from '../schemas/check.js'
import * as calls from '../schemas/sandbox-calls.js'
import type { CallOptions } from './code/function-call.js'
import type { RunCodeOptions } from './code/options.js'
import type { ProgramLimits } from './program/limits.js'
import { DEFAULT_TIMEOUT_MS } from './program/limits.js'
import type { ExecOptions } from './program/options.js'
import { Program } from './program/program.js'
import type { OnProgramEnded, ProgramEnded } from './program/program-ended.js'
import type { SandboxAbout } from './about.js'
import type { SandboxState } from './state.js'

type About = Pick<SandboxAbout, 'env' | 'onProgramEnded'>

/** Starts the programs of one lease: in a slot, in a context, or from a file. */
export class Programs {
  readonly #use: () => Lease<Channel>
  readonly #state: SandboxState
  readonly #env: Variables | undefined
  readonly #onProgramEnded: OnProgramEnded | undefined

  /**
   * `use` returns the lease, and throws if it has ended. The variables `env` are added to each
   * program.
   */
  constructor(use: () => Lease<Channel>, state: SandboxState, { env, onProgramEnded }: About) {
    this.#use = use
    this.#state = state
    this.#env = env && Object.keys(env).length > 0 ? env : undefined
    this.#onProgramEnded = onProgramEnded
  }

  /** Returns the variables of a call together with the variables of the lease. */
  variables(env: Variables | undefined): Variables | undefined {
    return this.#env ? { ...this.#env, ...env } : env
  }

  /**
   * Creates the program of `runCode()`. A program without a context runs in a slot; code of a
   * defined language runs from a file.
   */
  code(code: string, options: RunCodeOptions): Program {
    const checked = check(calls.RunCall, options, 'runCode')
    const { args, context, timeoutMs = DEFAULT_TIMEOUT_MS, ...rest } = checked
    const { cwd } = rest
    const env = this.variables(rest.env)
    const limits = { ...rest, env, timeoutMs, onEnded: this.#reportOf('runCode') }
    const text = calls.codeOf(code, 'runCode')
    if (context !== undefined) {
      check(calls.RunInContext, options, 'runCode with a context')
      const found = this.#state.contexts.get(context)
      const lease = this.#use()
      const request = { op: 'run', code: text, context: found.about.id } as const
      return found.run((queued) => new Program(lease, request, { ...limits, ...queued }))
    }
    const { fileRuns } = this.#state
    if (fileRuns) return fileRuns.start(this.#use(), text, args ?? [], limits)
    return this.#inSlot({ op: 'run', code: text, cwd, env, args }, limits)
  }

  /** Creates the program of `call()`. */
  functionCall(code: string, options: CallOptions): Program {
    const { entry = 'main', args = [], kwargs = {}, ...rest } = options
    check(calls.CallCall, options, 'call')
    const { cwd, timeoutMs = DEFAULT_TIMEOUT_MS, signal, maxOutputBytes } = rest
    const env = this.variables(rest.env)
    const call = { entry, args, kwargs }
    const request = { op: 'run', code: calls.codeOf(code, 'call'), cwd, env, call } as const
    const onEnded = this.#reportOf('call')
    return this.#inSlot(request, { timeoutMs, signal, maxOutputBytes, onEnded })
  }

  /** Creates the program of `exec()`. */
  command(command: string | readonly string[], options: ExecOptions): Program {
    const argv = calls.argvOf(command, 'exec')
    const checked = check(calls.ExecCall, options, 'exec')
    const { cwd, timeoutMs = DEFAULT_TIMEOUT_MS } = checked
    const env = this.variables(checked.env)
    const limits = { ...checked, timeoutMs, onEnded: this.#reportOf('exec') }
    return this.#inSlot({ op: 'exec', argv, cwd, env }, limits)
  }

  #reportOf(call: ProgramEnded['call']): ProgramLimits['onEnded'] {
    const { name } = this.#state.lease.container
    return (end) => this.#onProgramEnded?.({ type: 'programEnded', name, call, ...end })
  }

  /** Creates a program that starts as soon as a slot is free. */
  #inSlot(
    request: RunRequest | ExecRequest,
    limits: ProgramLimits & { timeoutMs: number },
  ): Program {
    const lease = this.#use()
    return this.#state.slots.run(
      limits.timeoutMs,
      (after) => new Program(lease, request, { ...limits, after }),
    )
  }
}
