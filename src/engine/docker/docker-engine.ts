import type { Readable } from 'node:stream'
import * as v from 'valibot'
import { check } from '../../schemas/check.js'
import { DockerSettings } from '../../schemas/pool.js'
import { DockerCalls } from './api-calls.js'
import { get } from './api-get.js'
import type { Docker } from './connection.js'
import { connect } from './connection.js'
import { DockerImages } from './docker-images.js'
import { DockerLaunches } from './docker-launches.js'
import { DockerEvents, EVENTS } from './events.js'
import { OWNER_LABEL } from './labels.js'
import { factsOf } from './container-facts.js'
import { runtimeFacts } from './runtime-facts.js'
import { ADVICE, runtimesOf } from './runtimes.js'
import { usedCpuMs } from './statistics.js'
import { straysOf } from './strays.js'
import type { ContainerFacts } from '../container-facts.js'
import type { Container, Engine, LaunchSpec, Runtime, SweepOptions } from '../engine.js'
import type { ImageStore, PullOptions } from '../image-store.js'

/** The options of {@link createDockerEngine}. */
export interface DockerEngineOptions {
  /**
   * `unix:///path`, `tcp://host:port`, `npipe://...` or `ssh://user@host`.
   *
   * @default the environment's `DOCKER_HOST`, else `unix:///var/run/docker.sock`
   */
  address?: string | undefined
  /**
   * The time limit of each call except streams, in milliseconds, 1 to 20 000.
   *
   * @default 15_000
   */
  timeoutMs?: number | undefined
}

/** The engine port on Docker, and the images that Docker stores. */
export interface DockerEngine extends Engine, ImageStore {}

/**
 * Creates the engine port on Docker, which uses Docker's HTTP API.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`
 *
 * @example
 * ```ts
 * import { createDockerEngine } from 'hono-sandbox'
 *
 * const engine = createDockerEngine()
 * console.log(engine.address)
 * engine.close()
 * ```
 */
export function createDockerEngine(options: DockerEngineOptions = {}): DockerEngine {
  const { address, timeoutMs = 15_000 } = check(DockerSettings, options, 'createDockerEngine')
  const found = address || process.env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  return new DockerApi(found, timeoutMs)
}

class DockerApi implements DockerEngine {
  readonly advice = ADVICE
  readonly #docker: Docker
  readonly #events: DockerEvents
  readonly #calls: DockerCalls
  readonly #images: DockerImages
  readonly #launches: DockerLaunches

  constructor(
    readonly address: string,
    timeoutMs: number,
  ) {
    const docker = connect(address)
    this.#docker = docker
    this.#calls = new DockerCalls(address, timeoutMs)
    this.#events = new DockerEvents((signal) =>
      docker.getEvents({
        abortSignal: signal,
        filters: { type: ['container'], event: [...EVENTS], label: [OWNER_LABEL] },
      }),
    )
    this.#images = new DockerImages(docker, this.#calls)
    this.#launches = new DockerLaunches(docker, this.#calls, this.#events, this.#images)
  }

  async runtimes(): Promise<readonly Runtime[]> {
    const info = await this.#info('list runtimes')
    const { Runtimes } = v.parse(v.object({ Runtimes: v.record(v.string(), v.unknown()) }), info)
    return runtimesOf(Object.keys(Runtimes))
  }

  findImage(candidates: readonly string[]): Promise<string | undefined> {
    return this.#images.find(candidates)
  }

  hasImage(image: string): Promise<boolean> {
    return this.#images.hasImage(image)
  }

  pull(image: string, options?: PullOptions): Promise<void> {
    return this.#images.pull(image, options)
  }

  importImage(image: string, tar: Readable): Promise<void> {
    return this.#images.importImage(image, tar)
  }

  launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container> {
    return this.#launches.launch(spec, signal)
  }

  async sweep(options: SweepOptions): Promise<number> {
    // The time is requested first, so that a slow answer makes no container look older.
    const info = await this.#info('tell its time')
    const { SystemTime } = v.parse(v.object({ SystemTime: v.optional(v.string(), '') }), info)
    const listed = await this.#calls.bounded('list containers', (abortSignal) =>
      this.#docker.listContainers({
        all: true,
        filters: { label: [OWNER_LABEL], status: ['created', 'exited', 'dead'] },
        abortSignal,
      }),
    )
    // Without `force`, so that the engine refuses to remove a container that was started since the list.
    const remove = (id: string) => (abortSignal: AbortSignal) =>
      this.#docker.getContainer(id).remove({ v: true, abortSignal })
    const ids = straysOf(listed, SystemTime, options)
    const removals = ids.map((id) => this.#calls.bounded(`remove ${id}`, remove(id)))
    const outcomes = await Promise.allSettled(removals)
    return outcomes.filter(({ status }) => status === 'fulfilled').length
  }

  async inspect(name: string): Promise<ContainerFacts> {
    const container = this.#docker.getContainer(name)
    const inspected = await this.#calls.bounded(`inspect ${name}`, (abortSignal) =>
      container.inspect({ abortSignal }),
    )
    const facts = await factsOf(inspected, (image) => this.#images.variablesOf(image))
    const info = await this.#info('list runtimes')
    const runtime = await runtimeFacts(facts.runtime.name, { info, address: this.address })
    return { ...facts, runtime, cpuMs: await usedCpuMs(this.#calls, container) }
  }

  close(): void {
    this.#events.close()
  }

  #info(operation: string): Promise<unknown> {
    return this.#calls.bounded(operation, (abortSignal) => get(this.#docker, '/info', abortSignal))
  }
}
