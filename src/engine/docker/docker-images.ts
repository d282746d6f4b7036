import type { Readable } from 'node:stream'
import type { Docker } from './connection.js'
import * as v from 'valibot'
import type { DockerCalls } from './api-calls.js'
import { statusOf } from './api-calls.js'
import { get } from './api-get.js'
import { followProgress } from './pull-progress.js'
import type { ImageStore, PullOptions } from '../image-store.js'

/** The part of an image's description that is used. Each may be missing or null. */
const Description = v.object({
  Config: v.nullish(
    v.object({
      Env: v.nullish(v.array(v.string())),
      Volumes: v.nullish(v.record(v.string(), v.unknown())),
    }),
  ),
})

/** The images of a Docker engine. */
export class DockerImages implements ImageStore {
  readonly #docker: Docker
  readonly #calls: DockerCalls

  constructor(docker: Docker, calls: DockerCalls) {
    this.#docker = docker
    this.#calls = calls
  }

  async hasImage(image: string): Promise<boolean> {
    try {
      await this.#inspect(image)
      return true
    } catch (error) {
      if (statusOf(error) === 404) return false
      throw error
    }
  }

  /** Returns the first of the images that the engine has. */
  async find(candidates: readonly string[]): Promise<string | undefined> {
    for (const image of candidates) if (await this.hasImage(image)) return image
    return undefined
  }

  /** Returns the folders that the image declares with `VOLUME`. */
  async volumesOf(image: string): Promise<string[]> {
    const { Config } = v.parse(Description, await this.#inspect(image))
    return Object.keys(Config?.Volumes ?? {})
  }

  /** Returns the environment variables of the image, as `NAME=value`. */
  async variablesOf(image: string): Promise<readonly string[]> {
    const { Config } = v.parse(Description, await this.#inspect(image))
    return Config?.Env ?? []
  }

  async pull(image: string, { onProgress, signal }: PullOptions = {}): Promise<void> {
    const named = /[:@][^/]*$/.test(image) ? image : `${image}:latest`
    try {
      // A pull has no deadline here, because its caller sees the progress and can abort it.
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

  #inspect(image: string): Promise<unknown> {
    return this.#calls.bounded(`inspect ${image}`, (abortSignal) =>
      get(this.#docker, `/images/${image}/json`, abortSignal),
    )
  }
}
