import type { Channel } from '../agent/channel.js'
import { Lease } from '../pool/lease.js'
import type { SandboxAbout } from '../sandbox/about.js'
import { Sandbox } from '../sandbox/sandbox.js'
import type { SandboxState } from '../sandbox/state.js'
import { within } from '../util/deadline.js'
import type { SessionErrors } from './session-errors.js'
import type { EndedSession, SessionHooks, StartedSession } from './types.js'

/** Calls the hooks of a pool with the sandbox of one session, and limits their time. */
export class HookCalls {
  readonly #hooks: SessionHooks
  readonly #state: SandboxState
  readonly #about: SandboxAbout

  constructor(hooks: SessionHooks, state: SandboxState, about: SandboxAbout) {
    this.#hooks = hooks
    this.#state = state
    this.#about = about
  }

  /**
   * Calls `onSessionStart`.
   *
   * @throws SandboxError `SANDBOX_SESSION_START_FAILED` if it throws or takes too long, or if the
   * container exits meanwhile.
   */
  async start(session: StartedSession, errors: SessionErrors): Promise<void> {
    const { onStart, timeoutMs } = this.#hooks
    if (!onStart) return
    const visit = this.#visit()
    try {
      const called = onStart(session, new Sandbox(visit, this.#about, { state: this.#state }))
      const isOver = await within(
        timeoutMs,
        Promise.resolve(called).then(() => true),
      )
      if (!isOver) throw new Error(`it did not finish within ${timeoutMs} ms`)
      if (visit.ended) throw new Error('the container exited meanwhile')
    } catch (cause) {
      throw errors.startFailed(cause)
    } finally {
      visit.end('released')
    }
  }

  /** Calls `onSessionEnd`. An error of it is a warning, because no request can get the error. */
  async end(session: EndedSession): Promise<void> {
    const { onEnd, timeoutMs } = this.#hooks
    if (!onEnd) return
    const visit = this.#state.lease.ended ? undefined : this.#visit()
    const sandbox = visit && new Sandbox(visit, this.#about, { state: this.#state })
    try {
      const saved = Promise.resolve(onEnd(session, sandbox)).then(() => true)
      if (!(await within(timeoutMs, saved))) warn(`did not finish within ${timeoutMs} ms`)
    } catch (error) {
      warn(`failed: ${error instanceof Error ? error.message : 'it threw a value'}`)
    } finally {
      visit?.end('released')
    }
  }

  /** Begins a lease for one hook. It ends with the lease of the session, or before. */
  #visit(): Lease<Channel> {
    const { lease } = this.#state
    const visit = new Lease<Channel>(lease.container, () => 'kept')
    const forget = lease.onEnd((how) => visit.end(how))
    visit.onEnd(forget)
    return visit
  }
}

function warn(problem: string): void {
  process.emitWarning(`onSessionEnd ${problem}`, {
    type: 'SandboxWarning',
    code: 'SANDBOX_SESSION_END',
  })
}
