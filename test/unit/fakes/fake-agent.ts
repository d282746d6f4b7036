import { PassThrough } from 'node:stream'
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
import { settle } from './fake-pool.js'

/** A container whose streams end in this process, and the scripted agent in it. */
export class FakeAgent implements Container {
  readonly name = 'sandbox_python_1.1_f00d42'
  readonly stdin = new PassThrough({ highWaterMark: 2 ** 24 })
  readonly stdout = new PassThrough()
  readonly exited: Promise<ContainerExit>
  /** What the host has sent. */
  readonly heard: Frame[] = []
  kills = 0
  /** Whether it was let go, or killed. */
  isOver = false
  /** When set, a kill fails and the container stays. */
  cannotKill = false
  /** The engine answers nothing, and its streams stay open. */
  isFrozen = false
  /** Called with every frame of the host. */
  onFrame: (frame: Frame) => void = () => {}
  readonly #exit = deferred<ContainerExit>()

  constructor() {
    this.exited = this.#exit.promise
    const reader = new FrameReader(MAX_REQUEST_BYTES)
    this.stdin.on('data', (chunk: Buffer) => {
      for (const frame of reader.read(chunk)) {
        this.heard.push(frame)
        this.onFrame(frame)
      }
    })
  }

  say(kind: number, id: number, ...parts: Uint8Array[]): void {
    this.stdout.write(encodeFrame(kind, id, ...parts))
  }

  sayJson(kind: number, id: number, value: unknown): void {
    this.say(kind, id, Buffer.from(JSON.stringify(value)))
  }

  started(id: number, value: object = {}): void {
    this.sayJson(Kind.started, id, value)
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

  fail(id: number, code: string, message = 'no'): void {
    this.done(id, { error: { code, message } })
  }

  exit(how: Partial<ContainerExit> = {}): void {
    this.#exit.resolve({ exitCode: 137, oom: false, stderr: '', ...how })
  }

  heardOf(kind: number): Frame[] {
    return this.heard.filter((frame) => frame.kind === kind)
  }

  /** The kinds of what the host has sent, in its order. */
  get kinds(): number[] {
    return this.heard.map(({ kind }) => kind)
  }

  /** What was asked for, in its order. */
  get requests(): unknown[] {
    return this.heardOf(Kind.request).map(({ payload }) => JSON.parse(payload.toString()))
  }

  /** The names of the signals that came. */
  get signals(): string[] {
    return this.heardOf(Kind.signal).map(({ payload }) => payload.toString())
  }

  /** What came on the stdin of all requests. */
  get input(): string {
    const parts = this.heardOf(Kind.data).map(({ payload }) => payload.subarray(1))
    return Buffer.concat(parts).toString()
  }

  /** How many bytes of credit came for a stream. */
  creditOf(stream: number): number {
    return this.heardOf(Kind.credit)
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
    this.isOver = true
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

/** A lease of it; a used container goes when it ends. */
export async function leased() {
  const { agent, channel } = await openChannel()
  const lease = new Lease<Channel>(channel, ({ isUsed }) => {
    if (isUsed) void channel.remove().catch(() => {})
    return isUsed ? 'recreated' : 'returned'
  })
  const sandbox = new Sandbox(lease, { language: 'python', runtime: 'runc' })
  return { agent, channel, lease, sandbox }
}

/** A record, as it travels on stream 3. */
export function recordOf(record: object): Buffer {
  const body = Buffer.from(JSON.stringify(record))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

/**
 * Lets streams and promises work off all that has been sent: a PassThrough works in ticks, not in
 * microtasks, and input is postponed to the next turn when the time of a turn is used up.
 */
export async function flow(): Promise<void> {
  let isPostponed: boolean
  do {
    for (let tick = 0; tick < 3; tick++) {
      await settle()
      await new Promise<void>((resolve) => {
        process.nextTick(resolve)
      })
    }
    isPostponed = isTurnSpent()
    if (isPostponed) await turn()
  } while (isPostponed)
}

/** Awaits it from here on. */
export async function awaited<Data, Result extends ExecResult<Data>>(
  handle: ExecHandle<Data, Result>,
): Promise<Result> {
  return handle.then((result) => result)
}

/** Writes down what happens, for as long as it does. */
export function eventsOf<Data>(handle: AsyncIterable<ExecEvent<Data>>) {
  const events: ExecEvent<Data>[] = []
  const over = (async () => {
    for await (const event of handle) events.push(event)
  })()
  // Who looks at it sees the error all the same.
  over.catch(() => {})
  return { events, over }
}

/** Output of one stream, whichever events it came in. */
export function outputOf(events: readonly ExecEvent[], type: 'stdout' | 'stderr'): string {
  return events.map((event) => (event.type === type ? event.data : '')).join('')
}

/** Calls a method with what its types would refuse. */
export function callWith(target: object, method: string, ...args: unknown[]): unknown {
  return Reflect.apply(Reflect.get(target, method), target, args)
}

/** The platform's own, whatever fake timers do. */
const { setImmediate } = globalThis

/** A real turn of the loop: what other threads have done arrives, rejections are noticed. */
export async function turn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
}

/** What was rejected and handled by nobody while `run` ran. */
export async function unhandledIn(run: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  const listeners = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => seen.push(error))
  try {
    await run()
    await turn()
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of listeners) process.on('unhandledRejection', listener)
  }
  return seen
}

/** A request, as the agent reads it. */
export interface Asked {
  op: string
  path: string
  to?: string
}

/** Answers every request: with bytes on stream 1, or with an errno. */
export function answerWith(agent: FakeAgent, answer: (asked: Asked) => string | { errno: string }) {
  agent.onFrame = ({ kind, id, payload }) => {
    if (kind !== Kind.request) return
    const bytes = answer(JSON.parse(payload.toString()))
    if (typeof bytes !== 'string') return agent.fail(id, bytes.errno)
    agent.started(id, {})
    if (bytes !== '') agent.data(id, Stream.stdout, bytes)
    agent.done(id, {})
  }
}

/** A line of a listing. */
export function entryLine(path: string, about: object = {}): string {
  return `${JSON.stringify({ path, type: 'file', size: 1, mtimeMs: 1.5, mode: 0o644, ...about })}\n`
}
