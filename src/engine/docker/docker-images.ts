import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { DockerCalls } from './api-calls.js'
import { statusOf } from './api-calls.js'
import { followProgress } from './pull-progress.js'
import type { ImageStore, PullOptions } from '../image-store.js'

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
      await this.#calls.bounded(`inspect ${image}`, () =>
        this.#calls.once(`inspect ${image}`, () => this.#docker.getImage(image).inspect()),
      )
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
}
