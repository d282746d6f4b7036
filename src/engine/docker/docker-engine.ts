import { Duplex } from 'node:stream'
import type { Readable } from 'node:stream'
import Docker from 'dockerode'
import * as v from 'valibot'
import { SandboxError } from '../../errors.js'
import { check } from '../../schemas/check.js'
import { DockerSettings } from '../../schemas/pool.js'
import { DockerCalls, statusOf } from './api-calls.js'
import { DockerContainer } from './docker-container.js'
import { DockerEvents } from './events.js'
import { followProgress } from './pull-progress.js'
import { createBody } from './container-spec.js'
import { straysOf } from './strays.js'
import type { Container, Engine, LaunchSpec, PullOptions, SweepOptions } from '../engine.js'
import { OWNER_LABEL } from '../engine.js'

/** Where a Docker engine is. */
export interface DockerEngineOptions {
  /**
   * `unix:///path`, `tcp://host:port`, `npipe://...` or `ssh://user@host`.
   *
   * @default the environment's `DOCKER_HOST`, else `unix:///var/run/docker.sock`
   */
  address?: string | undefined
  /**
   * How long a call that is not a stream may take, in milliseconds, 1 to 20 000.
   *
   * @default 15_000
   */
  timeoutMs?: number | undefined
}

/**
 * The engine port on Docker, through its HTTP API. This is the only file that knows dockerode.
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
export function createDockerEngine(options: DockerEngineOptions = {}): Engine {
  const { address, timeoutMs = 15_000 } = check(DockerSettings, options, 'createDockerEngine')
  const found = address || process.env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  return new DockerEngine(found, timeoutMs)
}

class DockerEngine implements Engine {
  readonly #docker: Docker
  readonly #events: DockerEvents
  readonly #calls: DockerCalls

  constructor(
    readonly address: string,
    timeoutMs: number,
  ) {
    this.#calls = new DockerCalls(address, timeoutMs)
    this.#docker = new Docker(connectionOf(address))
    this.#events = new DockerEvents((signal) =>
      this.#docker.getEvents({
        abortSignal: signal,
        filters: { type: ['container'], event: ['oom', 'die', 'destroy'], label: [OWNER_LABEL] },
      }),
    )
  }

  async runtimes(): Promise<readonly string[]> {
    const info = await this.#calls.bounded('list runtimes', () => this.#info())
    const { Runtimes } = v.parse(v.object({ Runtimes: v.record(v.string(), v.unknown()) }), info)
    // Full names such as io.containerd.runc.v2 are aliases of the short ones.
    return Object.keys(Runtimes).filter((name) => !name.includes('.'))
  }

  async hasImage(image: string): Promise<boolean> {
    try {
      await this.#calls.bounded(`inspect ${image}`, () =>
        this.#calls.once(`inspect ${image}`, () => this.#docker.getImage(image).inspect()),
      )
      return true
    } catch (error) {
      if (statusOf(error) === 404) return false
      throw error
    }
  }

  #info(): Promise<unknown> {
    return this.#calls.once('info', () => this.#docker.info())
  }

  async pull(image: string, { onProgress, signal }: PullOptions = {}): Promise<void> {
    const named = /[:@][^/]*$/.test(image) ? image : `${image}:latest`
    try {
      // A pull has no deadline of its own: its caller sees the progress and decides.
      const stream = await this.#docker.pull(named, signal ? { abortSignal: signal } : {})
      await followProgress(stream, onProgress)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw this.#calls.failed(`pull ${named}`, error)
    }
  }

  async importImage(image: string, tar: Readable): Promise<void> {
    const [repo, tag = 'latest'] = image.split(':')
    try {
      await followProgress(await this.#docker.importImage(tar, { repo, tag }))
    } catch (error) {
      throw this.#calls.failed(`import ${image}`, error)
    }
  }

  async launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container> {
    // Not aborted half-way: the engine might create it after all, and nobody would know.
    const created = await this.#create(spec)
    let container: Container | undefined
    try {
      signal?.throwIfAborted()
      const stream = await this.#attach(created, spec.name, signal)
      const watch = this.#events.watch(created.id)
      container = new DockerContainer(spec.name, stream, watch, () => this.#remove(created))
      await this.#calls
        .bounded(`start ${spec.name}`, (abortSignal) => created.start({ abortSignal }), signal)
        .catch((error: unknown) => {
          throw statusOf(error) === 400 ? notStarted(spec, error) : error
        })
      return container
    } catch (error) {
      // The container's own removal lets go of the stream as well. If it fails something is left, which
      // is worth more to know than that the launch was aborted.
      await (container?.kill() ?? this.#remove(created)).catch((left: unknown) => {
        throw signal?.aborted ? left : error
      })
      throw error
    }
  }

  /** @throws SandboxError if the engine answers without an upgrade, as some proxies before it do. */
  async #attach(created: Docker.Container, name: string, signal?: AbortSignal): Promise<Duplex> {
    const refusal = new AbortController()
    const streams = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true }
    const stream = await this.#calls.bounded(
      `attach to ${name}`,
      (deadline) => {
        const abortSignal = AbortSignal.any([deadline, refusal.signal])
        return created.attach({ ...streams, abortSignal })
      },
      signal,
    )
    if (stream instanceof Duplex) return stream
    refusal.abort() // the connection would stay open
    throw new SandboxError(
      'SANDBOX_ENGINE_FAILED',
      `the engine did not upgrade the connection to attach to ${name}`,
      { suggestion: 'A proxy before the engine must let connections be upgraded' },
    )
  }

  async sweep(options: SweepOptions): Promise<number> {
    // Asked first, so that a slow answer makes no container look older.
    const info = await this.#calls.bounded('tell its time', () => this.#info())
    const { SystemTime } = v.parse(v.object({ SystemTime: v.optional(v.string(), '') }), info)
    const listed = await this.#calls.bounded('list containers', (abortSignal) =>
      this.#docker.listContainers({
        all: true,
        filters: { label: [OWNER_LABEL], status: ['created', 'exited', 'dead'] },
        abortSignal,
      }),
    )
    // Without force: the engine refuses to remove one that was started meanwhile.
    const remove = (id: string) => (abortSignal: AbortSignal) =>
      this.#docker.getContainer(id).remove({ v: true, abortSignal })
    const ids = straysOf(listed, SystemTime, options)
    const removals = ids.map((id) => this.#calls.bounded(`remove ${id}`, remove(id)))
    const outcomes = await Promise.allSettled(removals)
    return outcomes.filter(({ status }) => status === 'fulfilled').length
  }

  close(): void {
    this.#events.close()
  }

  async #create(spec: LaunchSpec): Promise<Docker.Container> {
    const create = () =>
      this.#calls.bounded(`create ${spec.name}`, (abortSignal) =>
        this.#docker.createContainer({ ...createBody(spec), abortSignal }),
      )
    try {
      return await create()
    } catch (error) {
      if (statusOf(error) === 404) throw imageMissing(spec.image, error)
      if (statusOf(error) !== 409) throw error
      await this.#removeLeftover(spec)
      return create()
    }
  }

  /** The name is taken: by a leftover of ours, or by somebody whom we must not touch. */
  async #removeLeftover(spec: LaunchSpec): Promise<void> {
    const leftover = this.#docker.getContainer(spec.name)
    const { Config } = await this.#calls.bounded(`inspect ${spec.name}`, (abortSignal) =>
      leftover.inspect({ abortSignal }),
    )
    if (Config.Labels[OWNER_LABEL] !== spec.labels[OWNER_LABEL]) {
      throw new SandboxError(
        'SANDBOX_ENGINE_FAILED',
        `the name ${spec.name} belongs to another owner`,
      )
    }
    await this.#remove(leftover)
  }

  async #remove(container: Docker.Container): Promise<void> {
    const what = `remove ${container.id}`
    try {
      await this.#calls.bounded(what, (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      )
    } catch (error) {
      const status = statusOf(error)
      if (status === 404) return
      if (status !== 409) throw error
      // The engine is removing it already.
      await this.#calls
        .bounded(what, (abortSignal) => container.wait({ condition: 'removed', abortSignal }))
        .catch((waited: unknown) => {
          if (statusOf(waited) !== 404) throw waited
        })
    }
  }
}

function connectionOf(address: string): Docker.DockerOptions {
  // dockerode itself reads every form, and DOCKER_CERT_PATH, from the environment.
  if (address === process.env.DOCKER_HOST) return {}
  const path = /^(?:unix|npipe):\/\/(.*)$/.exec(address)?.[1]
  // `host` is named too: what the environment says of it would win.
  if (path !== undefined) return { socketPath: path, host: undefined, protocol: 'http' }
  const { protocol, hostname, port, username } = new URL(
    address.includes('//') ? address : `tcp://${address}`,
  )
  if (protocol === 'ssh:') return { protocol: 'ssh', host: hostname, port: port || 22, username }
  const isSecure = protocol === 'https:' || port === '2376'
  return { protocol: isSecure ? 'https' : 'http', host: hostname, port: port || 2375 }
}

function imageMissing(image: string, cause: unknown): SandboxError {
  return new SandboxError('SANDBOX_IMAGE_MISSING', `the engine has no image ${image}`, {
    cause,
    suggestion: 'Run `npx hono-sandbox setup`, or pull it',
  })
}

/** What the runtime says where the image has no such program. */
function notStarted(spec: LaunchSpec, cause: unknown): SandboxError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new SandboxError(
    'SANDBOX_AGENT_FAILED',
    `the agent in ${spec.name} did not start, ${spec.image} has no ${spec.command[0]}: ${why}`,
    { cause, suggestion: 'The image must have the language on its PATH' },
  )
}
