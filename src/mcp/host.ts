import type { SandboxPool } from '../sandbox-pool.js'
import type { Bounds } from './bounds.js'
import type { Caller, RunningCalls } from './running-calls.js'

/** What the tools need from the server that they run in, for one caller. */
export interface Host extends Caller {
  pool: SandboxPool
  running: RunningCalls
  bounds: Bounds
  /** Receives each error that a tool answers with, for the operator. */
  report: (error: unknown) => void
}
