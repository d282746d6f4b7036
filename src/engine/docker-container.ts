import { Readable } from 'node:stream'
import type { Duplex, Writable } from 'node:stream'
import { Demuxer } from './demux.js'
import type { EngineExit } from './docker-events.js'
import type { Container, ContainerExit } from './engine.js'

const STDERR_TAIL_BYTES = 4096

/** A container behind an attach stream. */
export class DockerContainer implements Container {
  readonly stdin: Writable
  readonly stdout = new Readable({ read: () => {} })
  readonly exited: Promise<ContainerExit>
  readonly #stream: Duplex
  readonly #forget: () => Promise<void>
  #stderr = Buffer.alloc(0)
  #removal: Promise<void> | undefined

  constructor(
    readonly name: string,
    stream: Duplex,
    engineExit: () => Promise<EngineExit>,
    forget: () => Promise<void>,
  ) {
    this.#stream = stream
    this.#forget = forget
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
      .then(engineExit)
      .then((exit) => {
        this.stdout.push(null)
        return { ...exit, stderr: this.#stderr.toString() }
      })
  }

  remove(): Promise<void> {
    // The stream goes last: its end makes the agent exit, should the engine not have done it.
    this.#removal ??= this.#forget().finally(() => this.#stream.destroy())
    return this.#removal
  }
}
