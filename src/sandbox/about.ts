import type { Variables } from '../languages/container-options.js'
import type { LanguageCommands } from '../languages/define.js'
import type { AcquireOptions } from '../pool/types.js'
import type { OnProgramEnded } from './program/program-ended.js'

/** A description of a sandbox, for its constructor. */
export interface SandboxAbout {
  language: string
  /** The container runtime of the sandbox: `runc`, `runsc`, ... */
  runtime: string
  /** The commands of a defined language; absent if the agent itself runs the code. */
  commands?: LanguageCommands | undefined
  /** The maximum number of programs that run at once; absent for no limit. */
  maxPrograms?: number | undefined
  /** The environment variables of every program of the lease. Variables of a call win. */
  env?: Variables | undefined
  /** Receives the end of each program. */
  onProgramEnded?: OnProgramEnded | undefined
}

/** The options of `SandboxPool.acquire()`. */
export interface AcquireSandboxOptions extends AcquireOptions {
  /**
   * The environment variables of every program of the lease. They are not a part of the container:
   * they end with the lease, and no log, error or statistic contains them. Variables of a call win.
   * In a session they belong to one request; only the contexts and processes that the request
   * creates keep them.
   *
   * @default none
   */
  env?: Variables | undefined
}
