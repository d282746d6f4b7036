import { setImmediate as nextTurn } from 'node:timers/promises'
import * as v from 'valibot'
import type { Container, ContainerExit } from '../engine/engine.js'
import type { DeadlineTimer } from '../util/deadline.js'
import { setDeadline, turnTimer } from '../util/deadline.js'
import { deferred } from '../util/deferred.js'
import { SandboxError } from '../errors.js'
import { isTurnSpent, spend } from '../util/loop-turn.js'
import { AgentStart } from './agent-start.js'
import { abortError, agentFailed, startFailed } from './start-errors.js'
import { Exchange, KILL_GRACE_MS } from './exchange.js'
import type { Frame, Request } from './protocol.js'
import {
  Done,
  encodeFrame,
  FrameReader,
  Kind,
  MAX_REQUEST_BYTES,
  parsePayload,
  PROTOCOL_VERSION,
  Started,
} from './protocol.js'

/**
 * The time between two pings. After two unanswered pings, so after 4 s, a container counts as
 * unresponsive.
 */
const PING_INTERVAL_MS = 2000
/** The time after which a container whose agent does not answer is killed. */
const SILENCE_MS = 60_000
/**
 * The additional time for a request to end after SIGKILL, in milliseconds. Its caller has the answer
 * already. An agent needs some seconds if many programs use its CPU.
 */
export const LATE_MS = 30_000
/** The exit of a container before the engine has reported it. */
const UNREPORTED_EXIT: ContainerExit = { exitCode: undefined, oom: false, stderr: '' }

/**
 * The connection of the host to one agent. Many exchanges run at the same time over the streams of
 * the container.
 *
 * The channel does not trust the agent: it kills the container after a frame that is too long,
 * cannot be parsed, exceeds the credit, or answers nothing. So an agent cannot send frames without
 * end: each one takes credit, or answers a request or a ping. When the streams end, for any reason,
 * every exchange is lost.
 */
export class Channel {
  readonly name: string
  /** Resolves when the container has exited. Never rejects. */
  readonly exited: Promise<ContainerExit>
  readonly #container: Container
  readonly #exchanges = new Map<number, Exchange>()
  readonly #reader = new FrameReader()
  readonly #start = new AgentStart()
  readonly #pinger: NodeJS.Timeout
  #nextId = 1
  /**
   * The number of pings since the last input from the agent. Pings are counted instead of time,
   * because the host may have been frozen in between.
   */
  #unanswered = 0
  /** The number of pings that the agent has not sent back. */
  #pingsOut = 0
  #lost: ContainerExit | undefined
  #grace: DeadlineTimer | undefined
  #fault: string | undefined
  /** Whether some received input waits for a later turn of the event loop. */
  #hasPendingInput = false

  private constructor(container: Container) {
    this.#container = container
    this.name = container.name
    this.exited = container.exited.then(async (exit) => {
      // The input that arrived before the exit is processed first.
      while (this.#hasPendingInput && !container.stdout.destroyed) await nextTurn()
      return this.#lose(exit)
    })
    // The ping waits for a turn of the event loop, so that the input that has arrived is read
    // before the pings without an answer are counted.
    const afterTurn = turnTimer()
    this.#pinger = setInterval(() => afterTurn(() => this.#ping()), PING_INTERVAL_MS).unref()
    // No error is handled here: the exit of the container ends the channel.
    container.stdin.on('error', () => {})
    container.stdout.on('error', () => {})
    container.stdout.on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  /**
   * Waits for the hello frame of the agent. If the agent fails, or if the signal aborts first, the
   * container is killed.
   *
   * @throws SandboxError `SANDBOX_AGENT_FAILED`, `SANDBOX_PRELOAD_FAILED`,
   * `SANDBOX_INTERPRETER_MISSING`. If the signal aborts for another reason than a timeout, it
   * throws that reason.
   */
  static async open(container: Container, signal: AbortSignal): Promise<Channel> {
    const channel = new Channel(container)
    const aborted = deferred<never>()
    const abort = () => aborted.reject(abortError(signal.reason, container.name))
    signal.addEventListener('abort', abort, { once: true })
    try {
      if (signal.aborted) abort()
      const died = channel.exited.then((exit) => {
        const reason = channel.#fault ?? exit.stderr.trim()
        throw agentFailed(
          container.name,
          reason || `it exited with code ${exit.exitCode ?? 'unknown'}`,
        )
      })
      const hello = await Promise.race([channel.#start.hello, aborted.promise, died])
      if (hello.version !== PROTOCOL_VERSION) {
        const reason = `it has protocol version ${hello.version}, expected ${PROTOCOL_VERSION}`
        throw agentFailed(container.name, reason)
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

  /** Whether the agent answers: it has left fewer than two pings unanswered. */
  get isResponsive(): boolean {
    return this.#unanswered < 2
  }

  /**
   * The code cache that the agent has sent; `undefined` if it has sent none, because it got a valid
   * one.
   */
  get codeCache(): Buffer | undefined {
    return this.#start.codeCache
  }

  /** The age in milliseconds at which a pool replaces the container: see {@link Container}. */
  get retireAfterMs(): number | undefined {
    return this.#container.retireAfterMs
  }

  /** Whether the container has exited or was killed, also if its exit is not reported yet. */
  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /**
   * Starts a request. `onData` is called with each chunk of its streams.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if the request is too long.
   */
  open(request: Request, onData: (stream: number, bytes: Buffer) => void): Exchange {
    const payload = Buffer.from(JSON.stringify(request))
    if (payload.length > MAX_REQUEST_BYTES) {
      throw new SandboxError(
        'SANDBOX_INVALID_OPTION',
        `the request has ${payload.length} bytes, expected at most ${MAX_REQUEST_BYTES}`,
        { suggestion: 'Write large inputs with writeFile(), or pass them as stdin' },
      )
    }
    const id = this.#nextId++
    const exchange = new Exchange(onData, {
      send: (kind, ...parts) => this.#send(kind, id, ...parts),
      unconfirmed: () => this.#onUnconfirmed(id),
    })
    if (this.#lost) {
      exchange.lose(this.#lost)
      return exchange
    }
    this.#exchanges.set(id, exchange)
    this.#send(Kind.request, id, payload)
    return exchange
  }

  /**
   * Removes the container. Every exchange is lost after the grace period at the latest, even if the
   * engine does not answer.
   */
  async remove(): Promise<void> {
    clearInterval(this.#pinger)
    if (!this.#lost)
      this.#grace ??= setDeadline(KILL_GRACE_MS, () => this.#loseAll(UNREPORTED_EXIT))
    await this.#container.remove()
  }

  /**
   * Kills a container that does not answer or that violated the protocol. Every exchange is lost
   * immediately, so that no call waits for the engine.
   */
  async kill(): Promise<void> {
    clearInterval(this.#pinger)
    const killed = this.#container.kill()
    this.#loseAll(UNREPORTED_EXIT)
    await killed
  }

  #onUnconfirmed(id: number): void {
    this.#exchanges.get(id)?.abandon(UNREPORTED_EXIT)
    setDeadline(LATE_MS, () => {
      if (this.#exchanges.has(id)) void this.kill().catch(() => {})
    }).unref()
  }

  #send(kind: number, id: number, ...parts: Uint8Array[]): void {
    if (this.#container.stdin.writable) this.#container.stdin.write(encodeFrame(kind, id, ...parts))
  }

  #receive(chunk: Buffer): void {
    this.#unanswered = 0
    this.#hasPendingInput = this.#container.stdout.readableLength > 0
    if (this.#fault !== undefined || this.#lost) return
    if (isTurnSpent()) return this.#postpone(chunk)
    const began = performance.now()
    try {
      for (const frame of this.#reader.read(chunk)) this.#handle(frame)
    } catch (error) {
      this.#fault = `it violated the protocol: ${error instanceof Error ? error.message : String(error)}`
      void this.kill().catch(() => {})
    }
    spend(began)
  }

  /**
   * Postpones a chunk to a later turn. Node reads a socket up to 32 times in one turn, and the work
   * for all these chunks together would block the event loop.
   */
  #postpone(chunk: Buffer): void {
    const { stdout } = this.#container
    this.#hasPendingInput = true
    stdout.pause()
    stdout.unshift(chunk)
    setImmediate(() => stdout.resume())
  }

  #handle({ kind, id, payload }: Frame): void {
    if (kind === Kind.ping) return this.#takePing()
    if (kind === Kind.hello || kind === Kind.codeCache) return this.#start.onFrame(kind, payload)
    const exchange = this.#exchanges.get(id)
    if (!exchange) throw new RangeError(`a frame for request ${id}, which is not open`)
    if (kind === Kind.data) exchange.onDataFrame(payload)
    else if (kind === Kind.credit) exchange.onCreditFrame(payload)
    else if (kind === Kind.started) exchange.begin(v.parse(Started, parsePayload(payload)))
    else if (kind === Kind.done) {
      // The answer is parsed before the exchange is deleted: if parsing fails, the exchange must
      // still be in the map, so that it is lost with the others.
      const done = v.parse(Done, parsePayload(payload))
      this.#exchanges.delete(id)
      exchange.finish(done)
    } else throw new RangeError(`a frame of the unknown kind ${kind}`)
  }

  #takePing(): void {
    if (this.#pingsOut === 0) throw new RangeError('a ping that the host did not send')
    this.#pingsOut--
  }

  #ping(): void {
    if (this.#lost) return
    const silentMs = this.#unanswered * PING_INTERVAL_MS
    if (silentMs < SILENCE_MS && !this.#container.isLost?.(silentMs)) {
      this.#unanswered++
      this.#pingsOut++
      return this.#send(Kind.ping, 0)
    }
    this.#fault ??= `it has not answered for ${silentMs} ms`
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
