import { Readable } from 'node:stream'
import type { Duplex, Writable } from 'node:stream'
import { Demuxer } from './demux.js'
import type { Watch } from './docker-events.js'
import type { Container, ContainerExit } from './engine.js'

const STDERR_TAIL_BYTES = 4096
/** An agent exits at once when its stdin ends; an engine with much to do needs its time. */
const LEAVE_MS = 5000

/** A container behind an attach stream. */
export class DockerContainer implements Container {
  readonly stdin: Writable
  readonly stdout = new Readable({ read: () => {} })
  readonly exited: Promise<ContainerExit>
  readonly #stream: Duplex
  readonly #watch: Watch
  readonly #forceRemove: () => Promise<void>
  #stderr = Buffer.alloc(0)
  #leaving: Promise<void> | undefined
  #killing: Promise<void> | undefined

  constructor(
    readonly name: string,
    stream: Duplex,
    watch: Watch,
    forceRemove: () => Promise<void>,
  ) {
    this.#stream = stream
    this.#watch = watch
    this.#forceRemove = forceRemove
    this.stdin = stream
    const demuxer = new Demuxer(
      (bytes) => this.stdout.push(bytes),
      (bytes) => {
        this.#stderr = Buffer.concat([this.#stderr, bytes]).subarray(-STDERR_TAIL_BYTES)
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
        return { ...exit, stderr: this.#stderr.toString() }
      })
  }

  remove(): Promise<void> {
    this.#leaving ??= this.#killing ?? this.#leave()
    return this.#leaving
  }

  kill(): Promise<void> {
    this.#killing ??= this.#kill()
    return this.#killing
  }

  /** The stream goes first: nobody waits for an engine that does not answer. */
  async #kill(): Promise<void> {
    this.#letGo()
    await this.#forceRemove()
  }

  /** A kill costs the engine a process of its own, a third of a removal: an exit is free. */
  async #leave(): Promise<void> {
    this.#stream.end()
    if (await this.#watch.isForgotten(LEAVE_MS)) this.#letGo()
    else await this.kill()
  }

  /** The end of the stream makes the agent exit, even if the engine does not remove it. */
  #letGo(): void {
    this.#stream.destroy()
    void this.exited.then(() => this.#watch.end())
  }
}
