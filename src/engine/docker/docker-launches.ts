import { Duplex } from 'node:stream'
import type { Docker } from './connection.js'
import { SandboxError } from '../../errors.js'
import type { DockerCalls } from './api-calls.js'
import { statusOf } from './api-calls.js'
import { createBody } from './container-spec.js'
import { usedMemory } from './statistics.js'
import type { Removal } from './docker-container.js'
import { DockerContainer } from './docker-container.js'
import type { DockerImages } from './docker-images.js'
import type { DockerEvents } from './events.js'
import { OWNER_LABEL } from './labels.js'
import type { Container, LaunchSpec } from '../engine.js'

/** Launches containers on a Docker engine: creates, attaches, starts. */
export class DockerLaunches {
  readonly #docker: Docker
  readonly #calls: DockerCalls
  readonly #events: DockerEvents
  readonly #images: DockerImages

  constructor(docker: Docker, calls: DockerCalls, events: DockerEvents, images: DockerImages) {
    this.#docker = docker
    this.#calls = calls
    this.#events = events
    this.#images = images
  }

  async launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container> {
    const listening = this.#events.listen()
    // The creation is not aborted, because the engine might still create the container.
    const created = await this.#create(spec)
    let container: Container | undefined
    try {
      signal?.throwIfAborted()
      const stream = await this.#attach(created, spec.name, signal)
      const watch = this.#events.watch(created.id)
      container = new DockerContainer(
        spec.name,
        stream,
        watch,
        () => this.#remove(created),
        () => usedMemory(this.#calls, created),
      )
      await listening
      await this.#calls
        .bounded(`start ${spec.name}`, (abortSignal) => created.start({ abortSignal }), signal)
        .catch((error: unknown) => {
          throw startFailed(spec, error)
        })
      return container
    } catch (error) {
      // kill() also ends the stream. If the removal fails, a container remains. This error matters more
      // than the abort of the launch.
      await (container?.kill() ?? this.#remove(created)).catch((left: unknown) => {
        throw signal?.aborted ? left : error
      })
      throw error
    }
  }

  async #create(spec: LaunchSpec): Promise<Docker.Container> {
    const create = (volumes: readonly string[]) =>
      this.#calls.bounded(`create ${spec.name}`, (abortSignal) => {
        // Otherwise dockerode sends the body in the URL, too, which is too long for some proxies. The
        // type of the options lacks both names.
        const options = {
          _query: { name: spec.name },
          _body: createBody(spec, volumes),
          abortSignal,
        }
        return this.#docker.createContainer(options)
      })
    let volumes: readonly string[] = []
    try {
      // Before each launch, because the tag of the image may have moved.
      volumes = await this.#images.volumesOf(spec.image)
      return await create(volumes)
    } catch (error) {
      if (statusOf(error) === 404) throw imageMissing(spec.image, error)
      if (statusOf(error) !== 409) throw error
      await this.#removeLeftover(spec)
      return create(volumes)
    }
  }

  /** Removes the container that has the name. @throws SandboxError if it belongs to another owner. */
  async #removeLeftover({ name, owner }: LaunchSpec): Promise<void> {
    const leftover = this.#docker.getContainer(name)
    const { Config } = await this.#calls.bounded(`inspect ${name}`, (abortSignal) =>
      leftover.inspect({ abortSignal }),
    )
    if (Config.Labels[OWNER_LABEL] !== owner) {
      throw new SandboxError('SANDBOX_ENGINE_FAILED', `the name ${name} belongs to another owner`)
    }
    await this.#remove(leftover)
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
    refusal.abort() // otherwise the connection would stay open
    throw new SandboxError(
      'SANDBOX_ENGINE_FAILED',
      `the engine did not upgrade the connection to attach to ${name}`,
      { suggestion: 'Configure the proxy before the engine to allow connection upgrades' },
    )
  }

  async #remove(container: Docker.Container): Promise<Removal> {
    const operation = `remove ${container.id}`
    try {
      await this.#calls.bounded(operation, (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      )
    } catch (error) {
      const status = statusOf(error)
      if (status === 404) return 'gone'
      if (status !== 409) throw error
      // The engine is already removing the container.
      await this.#calls
        .bounded(operation, (abortSignal) => container.wait({ condition: 'removed', abortSignal }))
        .catch((waited: unknown) => {
          if (statusOf(waited) !== 404) throw waited
        })
    }
    return 'removed'
  }
}

function imageMissing(image: string, cause: unknown): SandboxError {
  return new SandboxError('SANDBOX_IMAGE_MISSING', `the engine has no image ${image}`, {
    cause,
    suggestion: 'Run `npx hono-sandbox setup`, or pull the image',
  })
}

/**
 * Returns the error of a failed start. The engine answers with 400 if the image lacks the program of the
 * agent, and with 500 if the runtime fails.
 */
function startFailed(spec: LaunchSpec, cause: unknown): unknown {
  const { name, image, runtime, command } = spec
  const reason = cause instanceof Error ? cause.message : String(cause)
  switch (statusOf(cause)) {
    case 400:
      return new SandboxError(
        'SANDBOX_AGENT_FAILED',
        `the agent in ${name} did not start, ${image} has no ${command[0]}: ${reason}`,
        { cause, suggestion: 'Use an image that has the language on its PATH' },
      )
    case 500:
      return new SandboxError('SANDBOX_ENGINE_FAILED', reason, {
        cause,
        suggestion: `Check that \`docker run --runtime ${runtime}\` works on the host of the engine, or set another \`runtime\``,
      })
    default:
      return cause
  }
}
