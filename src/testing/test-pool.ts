import type { SandboxPoolOptions } from '../config/pool-options.js'
import type { Engine } from '../engine/engine.js'
import type { SandboxErrorCode } from '../errors.js'
import { SandboxError } from '../errors.js'
import type { Language } from '../languages/built-in.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import { SandboxPool } from '../sandbox-pool.js'
import type { SessionOptions } from '../sessions/types.js'
import { RunLog } from './run-log.js'
import type { TestFunction, TestRun, TestScript } from './scripts.js'
import type { TestAnswer } from './results.js'
import type { TestContainer } from './test-container.js'
import { TestEngine } from './test-engine.js'

/** The options of {@link createTestPool}: those of a `SandboxPool`, without `engine`. */
export type TestPoolOptions = Omit<SandboxPoolOptions, 'engine'>

/**
 * A `SandboxPool` without an engine. Code and commands have no process: scripts answer them. All
 * other behaviour is that of the library: leases, queues, sessions, limits, streams and files.
 */
export class TestPool extends SandboxPool {
  /**
   * The engine of the pool. With `initSandboxes({ engine: pool.engine })`, the pool of the process
   * has the same scripts, faults and `runs`; `session` of a run is then `undefined`.
   */
  readonly engine: Engine
  readonly #engine: TestEngine
  readonly #log: RunLog

  constructor(options: TestPoolOptions) {
    const log = new RunLog(options.languages ?? {})
    const engine = new TestEngine((...request) => log.begin(...request))
    // A test pool has no container to examine.
    super({ ...options, minIsolation: undefined, engine })
    this.engine = engine
    this.#engine = engine
    this.#log = log
  }

  /**
   * Rejects: a test pool has no containers, so there is nothing to examine.
   *
   * @throws SandboxError `SANDBOX_RUNTIME_MISSING`
   */
  override async doctor(): Promise<never> {
    const message = 'a test pool has no containers, so there is nothing to examine'
    throw new SandboxError('SANDBOX_RUNTIME_MISSING', message)
  }

  /** The runs of code and of commands so far, in their order. */
  get runs(): readonly TestRun[] {
    return this.#log.runs
  }

  /**
   * Scripts `runCode()` and `call()`: the exact code or a pattern, and what the code does, or one
   * function for both. The script that was added last answers first. Code that no script answers
   * makes the call throw an error, which names the script to add.
   */
  onCode(answer: TestFunction): this
  onCode(match: string | RegExp, answer: TestAnswer | TestFunction): this
  onCode(...script: TestScript): this {
    this.#log.code.add(...script)
    return this
  }

  /**
   * Scripts `exec()` and `startProcess()` in the same way. A command that is an array is compared as
   * its words with spaces between them; a function gets the array.
   */
  onExec(answer: TestFunction<string | readonly string[]>): this
  onExec(
    match: string | RegExp,
    answer: TestAnswer | TestFunction<string | readonly string[]>,
  ): this
  onExec(...script: TestScript<string | readonly string[]>): this {
    this.#log.commands.add(...script)
    return this
  }

  /**
   * Resolves when the next run begins. Call it before the request: `const begun = pool.nextRun()`,
   * then `const response = app.request('/run')`, then `await begun`.
   */
  async nextRun(): Promise<TestRun> {
    return this.#log.next
  }

  /** Lets all launches wait until `recover()`. */
  holdLaunches(): void {
    this.#engine.hold()
  }

  /**
   * Lets all launches fail with this code until `recover()`. A caller that already waits continues
   * to wait. If a request must be refused at once, call this before `start()`.
   */
  failLaunches(code: SandboxErrorCode = 'SANDBOX_ENGINE_UNAVAILABLE'): void {
    this.#engine.launchError = code
  }

  /** Lets the engine end, with all containers. Launches fail until `recover()`. */
  loseEngine(): void {
    this.failLaunches()
    for (const container of this.#engine.containers) container.exit()
  }

  /**
   * Lets the containers exit that are in use.
   *
   * @throws Error if no container has been used since its lease began.
   */
  crash(): void {
    for (const container of this.#used('crash')) container.exit()
  }

  /**
   * Lets the containers that are in use stop to answer: runs end only at their limits. The engine kills
   * a container 30 seconds after that.
   *
   * @throws Error if no container has been used since its lease began.
   */
  freeze(): void {
    for (const container of this.#used('freeze')) container.isFrozen = true
  }

  /**
   * Ends the processes of all contexts, as a lack of memory does. The next run in each of them throws
   * `SANDBOX_CONTEXT_LOST`.
   *
   * @throws Error if there is no context.
   */
  loseContexts(): void {
    const counts = [...this.#engine.containers].map((container) => container.loseContexts())
    if (!counts.some((count) => count > 0)) throw new Error('loseContexts: there is no context')
  }

  /** Ends `holdLaunches()`, `failLaunches()` and `loseEngine()`: launches work again. */
  recover(): void {
    this.#engine.launchError = undefined
    this.#engine.resume()
  }

  override async session(
    language: Language,
    id: string,
    options?: SessionOptions,
  ): Promise<Sandbox> {
    const sandbox = await super.session(language, id, options)
    this.#log.sessions.set(sandbox.name, id)
    return sandbox
  }

  #used(method: string): TestContainer[] {
    const used = [...this.#engine.containers].filter(({ isUsed }) => isUsed)
    if (used.length > 0) return used
    throw new Error(
      `${method}: no container is in use. Call it after the first call in the sandbox`,
    )
  }
}

/**
 * Creates a pool for tests of an app, without Docker. Pass it to `sandbox({ pool })`, or use it as any
 * pool. It needs no `start()`, and a test may leave it open.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option is not valid.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { sandbox } from 'hono-sandbox/middleware'
 * import { createTestPool, results } from 'hono-sandbox/testing'
 *
 * const pool = createTestPool()
 * const app = new Hono().post('/run', sandbox({ pool }), async (c) => {
 *   const { stdout } = await c.get('sandbox').runCode(await c.req.text())
 *   return c.text(stdout)
 * })
 * pool.onCode('print(6 * 7)', results.stdout('42\n'))
 * const response = await app.request('/run', { method: 'POST', body: 'print(6 * 7)' })
 * console.log(await response.text(), pool.runs.length)
 * ```
 */
export function createTestPool(options: TestPoolOptions = {}): TestPool {
  return new TestPool(options)
}
