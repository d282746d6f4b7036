import { PassThrough } from 'node:stream'
import { Channel } from '../../src/agent/channel.js'
import type { Frame } from '../../src/agent/protocol.js'
import { encodeFrame, FrameReader, Kind, PROTOCOL_VERSION } from '../../src/agent/protocol.js'
import { deferred } from '../../src/deferred.js'
import type { Container, ContainerExit } from '../../src/engine/engine.js'
import { settle } from './fake-pool.js'

/** A container whose streams end in this process, and the scripted agent in it. */
export class FakeAgent implements Container {
  readonly name = 'sandbox_python_1.1_f00d42'
  readonly stdin = new PassThrough({ highWaterMark: 2 ** 24 })
  readonly stdout = new PassThrough()
  readonly exited: Promise<ContainerExit>
  /** What the host has sent. */
  readonly heard: Frame[] = []
  removals = 0
  /** When set, a removal fails and the container stays. */
  cannotRemove = false
  readonly #exit = deferred<ContainerExit>()

  constructor() {
    this.exited = this.#exit.promise
    const reader = new FrameReader()
    this.stdin.on('data', (chunk: Buffer) => this.heard.push(...reader.read(chunk)))
  }

  say(kind: number, id: number, ...parts: Uint8Array[]): void {
    this.stdout.write(encodeFrame(kind, id, ...parts))
  }

  sayJson(kind: number, id: number, value: unknown): void {
    this.say(kind, id, Buffer.from(JSON.stringify(value)))
  }

  data(id: number, stream: number, bytes: Uint8Array | string): void {
    this.say(Kind.data, id, Uint8Array.of(stream), Buffer.from(bytes))
  }

  credit(id: number, bytes: number): void {
    const amount = Buffer.alloc(5)
    amount.writeUInt32BE(bytes, 1)
    this.say(Kind.credit, id, amount)
  }

  done(id: number, value: object = { exitCode: 0 }): void {
    this.sayJson(Kind.done, id, value)
  }

  exit(how: Partial<ContainerExit> = {}): void {
    this.#exit.resolve({ exitCode: 137, oom: false, stderr: '', ...how })
  }

  heardOf(kind: number): Frame[] {
    return this.heard.filter((frame) => frame.kind === kind)
  }

  async remove(): Promise<void> {
    this.removals++
    if (this.cannotRemove) throw new Error('the engine is gone')
    this.stdin.destroy()
    this.exit()
  }
}

/** A channel whose agent has said hello. */
export async function openChannel(): Promise<{ agent: FakeAgent; channel: Channel }> {
  const agent = new FakeAgent()
  const opening = Channel.open(agent, new AbortController().signal)
  agent.sayJson(Kind.hello, 0, { version: PROTOCOL_VERSION, language: 'python' })
  return { agent, channel: await opening }
}

/** Lets streams and promises get on with it: PassThrough works in ticks, not in microtasks. */
export async function flow(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await settle()
    await new Promise<void>((resolve) => {
      process.nextTick(resolve)
    })
  }
}
