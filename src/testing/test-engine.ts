import type { Container, Engine, LaunchSpec, Runtime } from '../engine/engine.js'
import type { SandboxErrorCode } from '../errors.js'
import { SandboxError } from '../errors.js'
import { aborted } from '../util/deadline.js'
import type { Deferred } from '../util/deferred.js'
import { deferred } from '../util/deferred.js'
import type { StartProgram } from './test-container.js'
import { TestContainer } from './test-container.js'

/** An engine without containers: it launches objects that speak the protocol of the agents. */
export class TestEngine implements Engine {
  readonly address = 'hono-sandbox/testing'
  readonly advice = { strongerRuntime: 'runsc', howToGetRuntime: "Use the runtime 'auto'" }
  /** The containers that exist. */
  readonly containers = new Set<TestContainer>()
  /** The code of the error of each launch; `undefined` if launches work. */
  launchError: SandboxErrorCode | undefined
  readonly #start: StartProgram
  #held: Deferred<void> | undefined

  constructor(start: StartProgram) {
    this.#start = start
  }

  async runtimes(): Promise<readonly Runtime[]> {
    return [
      { name: 'runsc', hasOwnKernel: true },
      { name: 'runc', hasOwnKernel: false },
    ]
  }

  async findImage([image]: readonly string[]): Promise<string | undefined> {
    return image
  }

  /** Launches wait until `resume()`. */
  hold(): void {
    this.#held ??= deferred()
  }

  resume(): void {
    this.#held?.resolve()
    this.#held = undefined
  }

  async launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container> {
    if (this.#held) await Promise.race([this.#held.promise, ...(signal ? [aborted(signal)] : [])])
    signal?.throwIfAborted()
    if (this.launchError) {
      throw new SandboxError(this.launchError, `the test lets the launch of ${spec.name} fail`)
    }
    const container = new TestContainer(spec, this.#start)
    this.containers.add(container)
    void container.exited.then(() => this.containers.delete(container))
    return container
  }

  async sweep(): Promise<number> {
    return 0
  }

  close(): void {}
}
