import { PassThrough } from 'node:stream'
import { onTestFinished } from 'vitest'
import { Channel } from '../../../src/agent/channel.js'
import type { Frame } from '../../../src/agent/protocol.js'
import {
  encodeFrame,
  FrameReader,
  Kind,
  MAX_REQUEST_BYTES,
  PROTOCOL_VERSION,
  Stream,
} from '../../../src/agent/protocol.js'
import { deferred } from '../../../src/util/deferred.js'
import { isTurnSpent } from '../../../src/util/loop-turn.js'
import type { Container, ContainerExit } from '../../../src/engine/engine.js'
import type { ExecHandle } from '../../../src/sandbox/program/handle.js'
import type { ExecEvent, ExecResult } from '../../../src/sandbox/program/result.js'
import { Lease } from '../../../src/pool/lease.js'
import { Sandbox } from '../../../src/sandbox/sandbox.js'
import { flushMicrotasks } from './fake-pool.js'

/** A container without an engine: a test reads its stdin and writes its stdout as the agent. */
export class FakeAgent implements Container {
  readonly stdin = new PassThrough({ highWaterMark: 2 ** 24 })
  readonly stdout = new PassThrough()
  readonly exited: Promise<ContainerExit>
  /** The frames that the host has sent, in their order. */
  readonly received: Frame[] = []
  kills = 0
  /** Whether the container was removed or killed. */
  isRemoved = false
  /** If true, `kill()` rejects and the container keeps running. */
  cannotKill = false
  /** The answer of the engine to the question whether the agent is lost. */
  isLost = (_silentMs: number): boolean => false
  /** If true, the engine never answers a removal, and the streams stay open. */
  isFrozen = false
  /** Receives each frame that the host sends. */
  onFrame: (frame: Frame) => void = () => {}
  readonly #exit = deferred<ContainerExit>()

  constructor(readonly name = 'sandbox_python_1.1_f00d42') {
    this.exited = this.#exit.promise
    const reader = new FrameReader(MAX_REQUEST_BYTES)
    this.stdin.on('data', (chunk: Buffer) => {
      for (const frame of reader.read(chunk)) {
        this.received.push(frame)
        this.onFrame(frame)
      }
    })
  }

  send(kind: number, id: number, ...parts: Uint8Array[]): void {
    this.stdout.write(encodeFrame(kind, id, ...parts))
  }

  sendJson(kind: number, id: number, value: unknown): void {
    this.send(kind, id, Buffer.from(JSON.stringify(value)))
  }

  started(id: number, value: object = {}): void {
    this.sendJson(Kind.started, id, value)
  }

  data(id: number, stream: number, bytes: Uint8Array | string): void {
    this.send(Kind.data, id, Uint8Array.of(stream), Buffer.from(bytes))
  }

  credit(id: number, bytes: number): void {
    const amount = Buffer.alloc(5)
    amount.writeUInt32BE(bytes, 1)
    this.send(Kind.credit, id, amount)
  }

  done(id: number, value: object = { exitCode: 0 }): void {
    this.sendJson(Kind.done, id, value)
  }

  fail(id: number, code: string, message = 'no'): void {
    this.done(id, { error: { code, message } })
  }

  exit(how: Partial<ContainerExit> = {}): void {
    this.#exit.resolve({ exitCode: 137, oom: false, stderr: '', ...how })
  }

  receivedOf(kind: number): Frame[] {
    return this.received.filter((frame) => frame.kind === kind)
  }

  /** The kinds of the frames that the host has sent, in their order. */
  get kinds(): number[] {
    return this.received.map(({ kind }) => kind)
  }

  /** The requests of the host, in their order. */
  get requests(): unknown[] {
    return this.receivedOf(Kind.request).map(({ payload }) => JSON.parse(payload.toString()))
  }

  /** The names of the signals that the host has sent. */
  get signals(): string[] {
    return this.receivedOf(Kind.signal).map(({ payload }) => payload.toString())
  }

  /** The bytes that the host has sent to the stdin of all requests, as text. */
  get input(): string {
    const parts = this.receivedOf(Kind.data).map(({ payload }) => payload.subarray(1))
    return Buffer.concat(parts).toString()
  }

  /** Returns the number of bytes of credit that the host has granted to a stream. */
  creditOf(stream: number): number {
    return this.receivedOf(Kind.credit)
      .filter(({ payload }) => payload[0] === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(1), 0)
  }

  async kill(): Promise<void> {
    this.kills++
    if (this.cannotKill) throw new Error('the engine is gone')
    await this.remove()
  }

  async remove(): Promise<void> {
    if (this.isFrozen) return new Promise(() => {})
    this.isRemoved = true
    this.stdin.destroy()
    this.exit()
  }
}

/** Opens a channel: the fake agent sends `hello`, after the bytes of `first`. */
export async function openChannel(
  name?: string,
  first: Uint8Array = new Uint8Array(),
): Promise<{ agent: FakeAgent; channel: Channel }> {
  const agent = new FakeAgent(name)
  const opening = Channel.open(agent, new AbortController().signal)
  agent.stdout.write(first)
  agent.sendJson(Kind.hello, 0, { version: PROTOCOL_VERSION, language: 'python' })
  const channel = await opening
  // Its pings would run in the tests of other files in this process.
  onTestFinished(() => void channel.kill().catch(() => {}))
  return { agent, channel }
}

/** Leases a container with a fake agent. A used container is removed when the lease ends. */
export async function leaseSandbox() {
  const { agent, channel } = await openChannel()
  const lease = new Lease<Channel>(channel, ({ isUsed }) => {
    if (isUsed) void channel.remove().catch(() => {})
    return isUsed ? 'recreated' : 'returned'
  })
  const sandbox = new Sandbox(lease, { language: 'python', runtime: 'runc' })
  return { agent, channel, lease, sandbox }
}

/** Returns a record as an agent sends it on stream 3. */
export function encodeRecord(record: object): Buffer {
  return withLength(Buffer.from(JSON.stringify(record)))
}

/** Returns the bytes with their length before them, as on stream 3. */
export function withLength(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

/**
 * Runs what streams and promises have queued. A PassThrough needs ticks beside the microtasks, and the
 * channel postpones input to the next turn when the time of a turn is used up.
 */
export async function flushStreams(): Promise<void> {
  for (let turns = 0; ; turns++) {
    for (let round = 0; round < 3; round++) {
      await flushMicrotasks()
      await new Promise<void>((resolve) => {
        process.nextTick(resolve)
      })
    }
    if (!isTurnSpent()) return
    // The end of a turn is a timer, too: a test that clears all timers can lose it.
    if (turns > 1000) throw new Error('the turn of the event loop does not end')
    await nextTurn()
  }
}

/** Awaits a handle from now on. */
export async function awaited<Data, Result extends ExecResult<Data>>(
  handle: ExecHandle<Data, Result>,
): Promise<Result> {
  return handle.then((result) => result)
}

/** Iterates over a handle and collects its events. `loopEnd` settles when the loop ends. */
export function collectEvents<Data>(handle: AsyncIterable<ExecEvent<Data>>) {
  const events: ExecEvent<Data>[] = []
  const loopEnd = (async () => {
    for await (const event of handle) events.push(event)
  })()
  // A test may leave `loopEnd` alone. A test that awaits it still gets the error.
  loopEnd.catch(() => {})
  return { events, loopEnd }
}

/** Returns the joined output of one stream. */
export function outputOf(events: readonly ExecEvent[], type: 'stdout' | 'stderr'): string {
  return events.map((event) => (event.type === type ? event.data : '')).join('')
}

/** Calls a method with arguments that its types refuse. */
export function callWith(target: object, method: string, ...args: unknown[]): unknown {
  return Reflect.apply(Reflect.get(target, method), target, args)
}

/** The function of the platform, also while fake timers are in use. */
const { setImmediate } = globalThis

/** Waits for one turn of the event loop: other threads deliver, rejections are reported. */
export async function nextTurn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
}

/** Returns the errors of all unhandled rejections while `run` runs. */
export async function unhandledRejectionsIn(run: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  const listeners = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => seen.push(error))
  try {
    await run()
    await nextTurn()
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of listeners) process.on('unhandledRejection', listener)
  }
  return seen
}

/** A request for a file, as the agent reads it. */
export interface FileRequest {
  op: string
  path: string
  to?: string
}

/** Answers each request with bytes on stream 1, or with an errno. */
export function answerRequests(
  agent: FakeAgent,
  answer: (request: FileRequest) => string | { errno: string },
) {
  agent.onFrame = ({ kind, id, payload }) => {
    if (kind !== Kind.request) return
    const bytes = answer(JSON.parse(payload.toString()))
    if (typeof bytes !== 'string') return agent.fail(id, bytes.errno)
    agent.started(id, {})
    if (bytes !== '') agent.data(id, Stream.stdout, bytes)
    agent.done(id, {})
  }
}

/** Returns a line of a listing. */
export function entryLine(path: string, about: object = {}): string {
  return `${JSON.stringify({ path, type: 'file', size: 1, mtimeMs: 1.5, mode: 0o644, ...about })}\n`
}
