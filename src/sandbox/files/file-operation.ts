import { isLate, setDeadline } from '../../util/deadline.js'
import type { Channel } from '../../agent/channel.js'
import type { Exchange } from '../../agent/exchange.js'
import type { FileRequest, Started } from '../../agent/protocol.js'
import { Stream } from '../../agent/protocol.js'
import { SandboxError, SandboxFileError } from '../../errors.js'
import type { Content } from '../streams/content.js'
import { writeContent } from '../streams/content.js'
import { ChunkQueue } from '../streams/chunk-queue.js'
import type { Lease } from '../../pool/lease.js'
import { leaseEnded } from '../../pool/lease.js'
import type { FileCallOptions } from './options.js'

/** One file request to the agent, with its streams, its time limit and its abort signal. */
export class FileOperation {
  /** Resolves when the request has ended; rejects with the error if it failed. */
  readonly ended: Promise<void>
  readonly #path: string
  readonly #exchange: Exchange
  readonly #chunks = new ChunkQueue()
  #stopError: Error | undefined

  constructor(lease: Lease<Channel>, request: FileRequest, options: FileCallOptions) {
    const { timeoutMs, signal } = options
    this.#path = 'path' in request ? request.path : '/workspace'
    if (signal?.aborted) throw abortedCall(this.#path, signal.reason)
    this.#exchange = lease.container.open(request, (stream, bytes) => {
      this.#chunks.push(stream, bytes)
    })
    const onTimeout = () => {
      this.stop(new SandboxFileError('ETIMEDOUT', this.#path, `took longer than ${timeoutMs} ms`))
    }
    const timer = timeoutMs === undefined ? undefined : setDeadline(timeoutMs, onTimeout)
    const onAbort = () => this.stop(abortedCall(this.#path, signal?.reason))
    signal?.addEventListener('abort', onAbort, { once: true })
    const forget = lease.onEnd((how) => this.stop(leaseEnded(lease.container.name, how)))
    this.ended = this.#finish(() => {
      timer?.clear()
      signal?.removeEventListener('abort', onAbort)
      forget()
    })
    // The caller may read the bytes and get the error from `next()` instead of from here.
    this.ended.catch(() => {})
  }

  get isStopped(): boolean {
    return this.#stopError !== undefined
  }

  /** Throws the error of `stop()` if the request was stopped. */
  throwIfStopped(): void {
    if (this.#stopError) throw this.#stopError
  }

  /** Waits until the file is open. Rejects with the error if it cannot be opened. */
  async opened(): Promise<Started> {
    const started = await this.#exchange.started
    if (!started) await this.ended
    return started ?? {}
  }

  /** Waits for the next bytes. Resolves to `undefined` after the last bytes. */
  async next(): Promise<Buffer | undefined> {
    const chunk = await this.#chunks.take()
    if (!chunk) await this.ended
    if (!chunk) return undefined
    this.#exchange.consumed(Stream.stdout, chunk.bytes.length)
    return chunk.bytes
  }

  /** Writes the content and waits until the agent has confirmed it. */
  async write(content: Content): Promise<void> {
    try {
      await writeContent(this.#exchange, content)
    } catch (cause) {
      const message = 'the content could not be read'
      this.stop(new SandboxFileError('ECANCELED', this.#path, message, { cause }))
    }
    if (!this.#stopError) this.#exchange.end()
    await this.ended
  }

  /** Stops the request early. `ended` and `next()` then reject with this error. */
  stop(error: Error): void {
    if (this.#stopError || this.#exchange.isOver) return
    this.#stopError = error
    this.#exchange.stop('SIGTERM')
  }

  async #finish(clear: () => void): Promise<void> {
    const outcome = await this.#exchange.outcome
    clear()
    this.#chunks.end()
    const isLost = 'lost' in outcome
    // A request that completed before the stop reached the agent has succeeded.
    if (this.#stopError && (isLost || outcome.done.error)) throw this.#stopError
    if (isLost) {
      throw new SandboxError('SANDBOX_LEASE_ENDED', 'the container ended during a file operation')
    }
    const { error } = outcome.done
    if (error) throw new SandboxFileError(error.code, this.#path, error.message)
  }
}

/** Returns the error of a call whose signal has aborted. */
export function abortedCall(path: string, cause: unknown): SandboxFileError {
  return isLate(cause)
    ? new SandboxFileError('ETIMEDOUT', path, cause.message, { cause })
    : new SandboxFileError('ECANCELED', path, 'the call was aborted', { cause })
}
