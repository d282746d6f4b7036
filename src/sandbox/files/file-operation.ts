import { isLate, setDeadline } from '../../util/deadline.js'
import type { Channel } from '../../agent/channel.js'
import type { Exchange } from '../../agent/exchange.js'
import type { FileRequest } from '../../agent/protocol.js'
import { Stream } from '../../agent/protocol.js'
import { SandboxError, SandboxFileError } from '../../errors.js'
import type { Content } from '../streams/content.js'
import { writeContent } from '../streams/content.js'
import { ChunkQueue } from '../streams/chunk-queue.js'
import type { Lease } from '../../pool/lease.js'
import type { FileCallOptions } from './options.js'

/** One file request: bytes both ways, within its limits. */
export class FileOperation {
  /** Settles with the request; rejects with why it failed. */
  readonly ended: Promise<void>
  readonly #path: string
  readonly #exchange: Exchange
  readonly #chunks = new ChunkQueue()
  #stopped: Error | undefined

  constructor(lease: Lease<Channel>, request: FileRequest, options: FileCallOptions) {
    const { timeoutMs, signal } = options
    if (signal?.aborted) throw abortedCall(request.path, signal.reason)
    this.#path = request.path
    this.#exchange = lease.container.open(request, (stream, bytes) => {
      this.#chunks.push(stream, bytes)
    })
    const late = () => {
      this.stop(new SandboxFileError('ETIMEDOUT', request.path, `not done in ${timeoutMs} ms`))
    }
    const timer = timeoutMs === undefined ? undefined : setDeadline(timeoutMs, late)
    const abort = () => this.stop(abortedCall(request.path, signal?.reason))
    signal?.addEventListener('abort', abort, { once: true })
    this.ended = this.#finish(() => {
      timer?.clear()
      signal?.removeEventListener('abort', abort)
    })
    this.ended.catch(() => {}) // whoever takes the bytes sees it at their end
  }

  get isStopped(): boolean {
    return this.#stopped !== undefined
  }

  /** Waits until the file is open. */
  async opened(): Promise<void> {
    if (!(await this.#exchange.started)) await this.ended
  }

  /** The next bytes, `undefined` after the last. */
  async next(): Promise<Buffer | undefined> {
    const chunk = await this.#chunks.take()
    if (!chunk) await this.ended
    if (!chunk) return undefined
    this.#exchange.consumed(Stream.stdout, chunk.bytes.length)
    return chunk.bytes
  }

  /** Writes it all and waits until it is there. */
  async write(content: Content): Promise<void> {
    try {
      await writeContent(this.#exchange, content)
    } catch (cause) {
      const message = 'its content could not be read'
      this.stop(new SandboxFileError('ECANCELED', this.#path, message, { cause }))
    }
    if (!this.#stopped) this.#exchange.end()
    await this.ended
  }

  /** Ends it early. What waits for it is rejected with this. */
  stop(why: Error): void {
    if (this.#stopped || this.#exchange.isOver) return
    this.#stopped = why
    this.#exchange.stop('SIGTERM')
  }

  async #finish(clear: () => void): Promise<void> {
    const outcome = await this.#exchange.outcome
    clear()
    this.#chunks.end()
    const isLost = 'lost' in outcome
    // One that was over before it was stopped has done its work.
    if (this.#stopped && (isLost || outcome.done.error)) throw this.#stopped
    if (isLost) {
      throw new SandboxError('SANDBOX_LEASE_ENDED', 'the container ended during a file operation')
    }
    const { error } = outcome.done
    if (error) throw new SandboxFileError(error.code, this.#path, error.message)
  }
}

function abortedCall(path: string, cause: unknown): SandboxFileError {
  return isLate(cause)
    ? new SandboxFileError('ETIMEDOUT', path, cause.message, { cause })
    : new SandboxFileError('ECANCELED', path, 'the call was aborted', { cause })
}
