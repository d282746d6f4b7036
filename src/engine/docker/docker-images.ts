import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import * as v from 'valibot'
import type { DockerCalls } from './api-calls.js'
import { statusOf } from './api-calls.js'
import { followProgress } from './pull-progress.js'
import type { ImageStore, PullOptions } from '../image-store.js'

/** The part of an image's description that is used. Both are missing or null without volumes. */
const Description = v.object({
  Config: v.nullish(v.object({ Volumes: v.nullish(v.record(v.string(), v.unknown())) })),
})

/** The connection of dockerode, which its types do not describe. */
interface Modem {
  dial(call: object, onAnswer: (error: Error | null, answer: unknown) => void): void
}

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

  /** Calls the API itself, because dockerode cannot abort its call. */
  #inspect(image: string): Promise<unknown> {
    const call = {
      path: `/images/${image}/json`,
      method: 'GET',
      statusCodes: { 200: true, 404: 'no such image', 500: 'server error' },
    }
    const { modem }: { modem: Modem } = this.#docker
    return this.#calls.bounded(
      `inspect ${image}`,
      (abortSignal) =>
        new Promise((resolve, reject) => {
          modem.dial({ ...call, abortSignal }, (error, answer) =>
            error ? reject(error) : resolve(answer),
          )
        }),
    )
  }
}
