import { Readable } from 'node:stream'
import type { Duplex, Writable } from 'node:stream'
import { GrowingBuffer } from '../../util/growing-buffer.js'
import { Demuxer } from './demux.js'
import type { Watch } from './events.js'
import { ContainerEnd } from '../container-end.js'
import type { Container, ContainerExit } from '../engine.js'

const STDERR_TAIL_BYTES = 4096
/** Standard error is cut to its tail only when it exceeds this size, not for each chunk. */
const MAX_STDERR_BYTES = 64 * 1024
/** An agent exits at once when its stdin ends. A busy engine needs time to report the exit. */
const EXIT_MS = 5000

/** The outcome of a removal: `gone` if the engine had no such container. */
export type Removal = 'removed' | 'gone'

/** A container behind an attach stream. */
export class DockerContainer extends ContainerEnd implements Container {
  readonly stdin: Writable
  readonly stdout = new Readable({ read: () => this.#stream.resume() })
  readonly exited: Promise<ContainerExit>
  readonly #stream: Duplex
  readonly #watch: Watch
  readonly #forceRemove: () => Promise<Removal>
  #stderr = new GrowingBuffer()
  #isKilled = false
  #wasGone = false

  constructor(
    readonly name: string,
    stream: Duplex,
    watch: Watch,
    forceRemove: () => Promise<Removal>,
    readonly usedMemory: () => Promise<number>,
  ) {
    super()
    this.#stream = stream
    this.#watch = watch
    this.#forceRemove = forceRemove
    this.stdin = stream
    const demuxer = new Demuxer(
      (bytes) => {
        // The buffer of stdout is full, so the engine must keep the rest.
        if (!this.stdout.push(bytes)) stream.pause()
      },
      (bytes) => {
        this.#stderr.push(bytes)
        if (this.#stderr.size > MAX_STDERR_BYTES) this.#stderr = this.#stderrTail()
      },
    )
    stream.on('data', (chunk: Buffer) => demuxer.push(chunk))
    stream.on('error', () => {}) // followed by close
    stream.once('end', () => stream.destroy())
    this.exited = new Promise<void>((resolve) => {
      stream.once('close', resolve)
    })
      .then(() => watch.exit())
      .then((exit) => {
        this.stdout.push(null)
        return { ...exit, stderr: this.#stderrTail().bytes().toString() }
      })
  }

  #stderrTail(): GrowingBuffer {
    const tail = new GrowingBuffer()
    tail.push(this.#stderr.bytes().subarray(-STDERR_TAIL_BYTES))
    return tail
  }

  /** Closes the stream first, so that no caller waits for an engine that does not answer. */
  protected async killNow(): Promise<void> {
    this.#isKilled = true
    this.#disconnect()
    this.#wasGone = (await this.#forceRemove()) === 'gone'
  }

  /**
   * Waits for the agent to exit by itself. For a kill the engine starts a process, which is a third
   * of the cost of a removal.
   */
  protected async exitOrKill(): Promise<void> {
    this.#stream.end()
    if (await this.#watch.isForgotten(EXIT_MS)) return this.#disconnect()
    if (this.#isKilled) return this.kill()
    await this.kill()
    if (this.#wasGone) this.#watch.missed()
  }

  /** Closes the stream. The agent exits then, even if the engine does not remove the container. */
  #disconnect(): void {
    this.#stream.destroy()
    void this.exited.then(() => this.#watch.end())
  }
}
