import { setImmediate as nextTurn } from 'node:timers/promises'
import * as v from 'valibot'
import { GrowingBuffer } from '../util/growing-buffer.js'
import type { Container, ContainerExit } from '../engine/engine.js'
import type { DeadlineTimer } from '../util/deadline.js'
import { isLate, setDeadline } from '../util/deadline.js'
import { deferred } from '../util/deferred.js'
import { SandboxError } from '../errors.js'
import { isTurnSpent, spend } from '../util/loop-turn.js'
import { Exchange, KILL_GRACE_MS } from './exchange.js'
import type { Frame, Request } from './protocol.js'
import {
  Done,
  encodeFrame,
  FrameReader,
  Hello,
  Kind,
  MAX_CODE_CACHE_BYTES,
  MAX_REQUEST_BYTES,
  PROTOCOL_VERSION,
  Started,
} from './protocol.js'

type Failure = NonNullable<v.InferOutput<typeof Hello>['failed']>

/** Two unanswered pings make a container unresponsive, so this is known after 4 s. */
const PING_INTERVAL_MS = 2000
const SILENCE_MS = 60_000
/** The end of a container whose engine has not told it yet. */
const UNTOLD: ContainerExit = { exitCode: undefined, oom: false, stderr: '' }

/**
 * The host's end of one agent: many exchanges side by side over the container's streams.
 *
 * It trusts nothing that comes: a frame that is too long, that cannot be read, or that breaks the
 * credit removes the container. Whatever ends the streams settles every exchange as lost.
 */
export class Channel {
  readonly name: string
  /** Settles when the container is gone. */
  readonly exited: Promise<ContainerExit>
  readonly #container: Container
  readonly #exchanges = new Map<number, Exchange>()
  readonly #reader = new FrameReader()
  readonly #hello = deferred<v.InferOutput<typeof Hello>>()
  readonly #pinger: NodeJS.Timeout
  readonly #codeCache = new GrowingBuffer()
  #nextId = 1
  /** Pings since the agent was last heard. Not a time: the host may have been frozen meanwhile. */
  #unanswered = 0
  #lost: ContainerExit | undefined
  #grace: DeadlineTimer | undefined
  #fault: string | undefined
  /** Whether some of what has come waits for a later turn. */
  #isBehind = false

  private constructor(container: Container) {
    this.#container = container
    this.name = container.name
    this.exited = container.exited.then(async (exit) => {
      // What has come before its end counts.
      while (this.#isBehind && !container.stdout.destroyed) await nextTurn()
      return this.#lose(exit)
    })
    // After a turn of the event loop: what has arrived is read before the agent is judged.
    this.#pinger = setInterval(() => setImmediate(() => this.#ping()), PING_INTERVAL_MS).unref()
    container.stdin.on('error', () => {}) // the end of stdout tells
    container.stdout.on('error', () => {})
    container.stdout.on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  /** Waits for the agent's first word; removes the container where there is none in time. */
  static async open(container: Container, signal: AbortSignal): Promise<Channel> {
    const channel = new Channel(container)
    const aborted = deferred<never>()
    const abort = () => aborted.reject(lateOr(signal.reason, container.name))
    signal.addEventListener('abort', abort, { once: true })
    try {
      if (signal.aborted) abort()
      const died = channel.exited.then((exit) => {
        const said = channel.#fault ?? exit.stderr.trim()
        throw agentFailed(
          container.name,
          said || `it exited with code ${exit.exitCode ?? 'unknown'}`,
        )
      })
      const hello = await Promise.race([channel.#hello.promise, aborted.promise, died])
      if (hello.version !== PROTOCOL_VERSION) {
        const versions = `the agent speaks version ${hello.version}, this host ${PROTOCOL_VERSION}`
        throw agentFailed(container.name, versions)
      }
      if (hello.failed) throw startFailed(container.name, hello.failed)
      return channel
    } catch (error) {
      await channel.kill().catch(() => {})
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Whether the agent has answered its last ping, or has said anything since. */
  get isResponsive(): boolean {
    return this.#unanswered < 2
  }

  /** The code cache that the agent has sent; `undefined` if it was given one. */
  get codeCache(): Buffer | undefined {
    return this.#codeCache.size > 0 ? this.#codeCache.bytes() : undefined
  }

  /** Starts a request. The exchange settles by the agent's answer, or as lost. */
  open(request: Request, onData: (stream: number, bytes: Buffer) => void): Exchange {
    const payload = Buffer.from(JSON.stringify(request))
    if (payload.length > MAX_REQUEST_BYTES) {
      throw new SandboxError(
        'SANDBOX_INVALID_OPTION',
        `the request is ${payload.length} bytes long, at most ${MAX_REQUEST_BYTES} are sent`,
        { suggestion: 'Write large inputs with writeFile() or give them as stdin' },
      )
    }
    const id = this.#nextId++
    const exchange = new Exchange(onData, {
      send: (kind, ...parts) => this.#send(kind, id, ...parts),
      kill: () => this.kill(),
    })
    if (this.#lost) {
      exchange.lose(this.#lost)
      return exchange
    }
    this.#exchanges.set(id, exchange)
    this.#send(Kind.request, id, payload)
    return exchange
  }

  /** Lets the container go. Every exchange is lost, also if the engine does not answer. */
  async remove(): Promise<void> {
    clearInterval(this.#pinger)
    if (!this.#lost) this.#grace ??= setDeadline(KILL_GRACE_MS, () => this.#loseAll(UNTOLD))
    await this.#container.remove()
  }

  /**
   * Kills a container that does not answer, or that broke the protocol. Every exchange is lost at
   * once: no answer waits for the engine.
   */
  async kill(): Promise<void> {
    clearInterval(this.#pinger)
    const killed = this.#container.kill()
    this.#loseAll(UNTOLD)
    await killed
  }

  #send(kind: number, id: number, ...parts: Uint8Array[]): void {
    if (this.#container.stdin.writable) this.#container.stdin.write(encodeFrame(kind, id, ...parts))
  }

  #receive(chunk: Buffer): void {
    this.#unanswered = 0
    this.#isBehind = this.#container.stdout.readableLength > 0
    if (this.#fault !== undefined || this.#lost) return
    if (isTurnSpent()) return this.#postpone(chunk)
    const began = performance.now()
    try {
      for (const frame of this.#reader.read(chunk)) this.#take(frame)
    } catch (error) {
      this.#fault = `it broke the protocol: ${error instanceof Error ? error.message : String(error)}`
      void this.kill().catch(() => {})
    }
    spend(began)
  }

  /** One socket is read up to 32 times in a turn: what it brings must not add up. */
  #postpone(chunk: Buffer): void {
    const { stdout } = this.#container
    this.#isBehind = true
    stdout.pause()
    stdout.unshift(chunk)
    setImmediate(() => stdout.resume())
  }

  #take({ kind, id, payload }: Frame): void {
    if (kind === Kind.hello) return this.#hello.resolve(v.parse(Hello, parseJson(payload)))
    if (kind === Kind.ping) return
    if (kind === Kind.codeCache) return this.#takeCodeCache(payload)
    const exchange = this.#exchanges.get(id)
    if (!exchange) throw new RangeError(`a frame for request ${id}, which is not open`)
    if (kind === Kind.data) exchange.takeData(payload)
    else if (kind === Kind.credit) exchange.takeCredit(payload)
    else if (kind === Kind.started) exchange.begin(v.parse(Started, parseJson(payload)))
    else if (kind === Kind.done) {
      // Parsed first: an exchange whose answer cannot be read must still be there to be lost.
      const done = v.parse(Done, parseJson(payload))
      this.#exchanges.delete(id)
      exchange.finish(done)
    } else throw new RangeError(`a frame of kind ${kind}`)
  }

  #takeCodeCache(payload: Buffer): void {
    this.#codeCache.push(payload)
    if (this.#codeCache.size > MAX_CODE_CACHE_BYTES) throw new RangeError('a code cache that long')
  }

  #ping(): void {
    if (this.#lost) return
    if (this.#unanswered * PING_INTERVAL_MS < SILENCE_MS) {
      this.#unanswered++
      return this.#send(Kind.ping, 0)
    }
    this.#fault ??= `it has said nothing for ${SILENCE_MS} ms`
    void this.kill().catch(() => {})
  }

  #lose(exit: ContainerExit): ContainerExit {
    clearInterval(this.#pinger)
    this.#loseAll(exit)
    return exit
  }

  #loseAll(exit: ContainerExit): void {
    this.#lost = exit
    this.#grace?.clear()
    for (const exchange of this.#exchanges.values()) exchange.lose(exit)
    this.#exchanges.clear()
  }
}

function parseJson(payload: Buffer): unknown {
  return JSON.parse(payload.toString())
}

/** A first word that did not come in time is the agent's failure, any other abort the caller's. */
function lateOr(reason: unknown, name: string): unknown {
  return isLate(reason) ? agentFailed(name, 'it has not said a word in time') : reason
}

function startFailed(name: string, failed: Failure): SandboxError {
  const { preload, message } = failed
  if (preload === undefined) {
    return new SandboxError('SANDBOX_INTERPRETER_MISSING', `${name} is of no use: ${message}`)
  }
  return new SandboxError(
    'SANDBOX_PRELOAD_FAILED',
    `the preload ${JSON.stringify(preload)} could not be imported in ${name}: ${message}`,
    { suggestion: 'The image must have the module, importable by user nobody' },
  )
}

function agentFailed(name: string, why: string): SandboxError {
  return new SandboxError('SANDBOX_AGENT_FAILED', `the agent in ${name} did not come up: ${why}`, {
    suggestion: 'The image must have the language on its PATH',
  })
}
