import type { Channel } from './agent/channel.js'
import type { Exchange, Outcome } from './agent/exchange.js'
import type { Request } from './agent/protocol.js'
import { Stream } from './agent/protocol.js'
import type { ContainerExit } from './engine/engine.js'
import type { Lease, LeaseEnd } from './lease.js'
import { BoundedOutput } from './output.js'

/** Why a program was ended, where it did not end by itself. */
export type KilledBy =
  | 'timeout'
  | 'oom'
  | 'pids'
  | 'output'
  | 'disk'
  | 'abort'
  | 'shutdown'
  | 'crash'

/** What a program used. */
export interface Usage {
  /** CPU time in milliseconds, of it and the children it waited for. */
  cpuMs: number
  /** The most memory it held at once; Python only, Node's agent cannot tell. */
  maxRssBytes: number | undefined
}

/** What came of a program. What the user's code did is never thrown, it is here. */
export interface ExecResult {
  /** `null` where a signal ended it, or it never started. */
  exitCode: number | null
  /** The signal's name, `SIGKILL` for example; `null` where it exited. */
  signal: string | null
  stdout: string
  stderr: string
  /** From the call to the answer, in milliseconds. */
  durationMs: number
  /** `undefined` where its container went with it. */
  usage: Usage | undefined
  /** Whether some output was left out; the gap is marked where it is. */
  truncated: boolean
  /** Why it was ended: absent where it ended by itself. */
  killedBy?: KilledBy
}

/** What every call that runs something takes. */
export interface ProgramOptions {
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string
  /** Added to the container's own variables, for this call alone. */
  env?: Record<string, string>
  /**
   * What the program reads on its stdin, which then ends.
   *
   * @default ''
   */
  stdin?: string | Uint8Array
  /**
   * How long this call may take, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number
  /** Ends the program when it aborts; the result then says `killedBy: 'abort'`. */
  signal?: AbortSignal
  /**
   * How much output there may be, stdout and stderr together, in bytes. One byte more ends the
   * program with `killedBy: 'output'`; the beginning and the end of each are kept.
   *
   * @default 1_048_576
   */
  maxOutputBytes?: number
}

const SIGKILL = 9
const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024
/** A kill that is not confirmed within this is done by the engine, to the whole container. */
const KILL_GRACE_MS = 1000

const KILLED_BY_LEASE_END: Readonly<Record<LeaseEnd, KilledBy>> = {
  released: 'abort',
  aborted: 'abort',
  failed: 'abort',
  ttl: 'timeout',
  crash: 'crash',
  closed: 'shutdown',
}

/** Runs one program in the lease's container, within its limits. */
export async function runProgram(
  lease: Lease<Channel>,
  request: Request,
  options: ProgramOptions,
): Promise<ExecResult> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, stdin = '' } = options
  const startedAt = performance.now()
  const output = new ProgramOutput(options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES)
  if (signal?.aborted) return { ...NOT_STARTED, durationMs: 0, killedBy: 'abort' }

  let killedBy: KilledBy | undefined
  let grace: NodeJS.Timeout | undefined
  const exchange: Exchange = lease.container.open(request, (stream, bytes) => {
    if (!output.take(stream, bytes)) kill('output')
    exchange.consumed(stream, bytes.length)
  })
  const kill = (reason: KilledBy) => {
    if (killedBy) return
    killedBy = reason
    exchange.signal(SIGKILL)
    grace = setTimeout(() => void lease.container.remove().catch(() => {}), KILL_GRACE_MS)
  }
  const timer = setTimeout(() => kill('timeout'), timeoutMs)
  const abort = () => kill('abort')
  signal?.addEventListener('abort', abort, { once: true })
  try {
    void feed(exchange, stdin)
    const outcome = await exchange.outcome
    const ended = describe(outcome, lease)
    // One that was over before the kill came was not killed; its output was too much all the same.
    if (ended.exitCode !== null && killedBy !== 'output') killedBy = undefined
    killedBy ??= ended.killedBy
    return {
      exitCode: ended.exitCode,
      signal: ended.signal,
      stdout: output.stdout.toString(),
      stderr: output.stderr.toString(),
      durationMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
      usage: ended.usage,
      truncated: output.stdout.isTruncated || output.stderr.isTruncated,
      ...(killedBy && { killedBy }),
    }
  } finally {
    clearTimeout(timer)
    clearTimeout(grace)
    signal?.removeEventListener('abort', abort)
  }
}

const NOT_STARTED = {
  exitCode: null,
  signal: null,
  stdout: '',
  stderr: '',
  usage: undefined,
  truncated: false,
}

/** Both streams; each may use what the other leaves of the limit. */
class ProgramOutput {
  readonly stdout: BoundedOutput
  readonly stderr: BoundedOutput
  #left: number

  constructor(limitBytes: number) {
    this.stdout = new BoundedOutput(limitBytes)
    this.stderr = new BoundedOutput(limitBytes)
    this.#left = limitBytes
  }

  /** Whether it is still within the limit. */
  take(stream: number, bytes: Buffer): boolean {
    if (stream === Stream.stdout) this.stdout.push(bytes)
    else this.stderr.push(bytes)
    this.#left -= bytes.length
    return this.#left >= 0
  }
}

async function feed(exchange: Exchange, stdin: string | Uint8Array): Promise<void> {
  if (stdin.length > 0) await exchange.write(Buffer.from(stdin))
  exchange.end()
}

interface Ended {
  exitCode: number | null
  signal: string | null
  usage: Usage | undefined
  killedBy: KilledBy | undefined
}

function describe(outcome: Outcome, lease: Lease<Channel>): Ended {
  if ('lost' in outcome) {
    const killedBy = lostBy(outcome.lost, lease.ended)
    return { exitCode: null, signal: 'SIGKILL', usage: undefined, killedBy }
  }
  const { exitCode = null, signal = null, usage, cause, error } = outcome.done
  return {
    exitCode,
    signal,
    usage: usage ? { cpuMs: usage.cpuMs, maxRssBytes: usage.maxRssBytes ?? undefined } : undefined,
    // An agent that could not start it for a reason of its own is as good as gone.
    killedBy: error ? 'crash' : (cause ?? undefined),
  }
}

function lostBy(exit: ContainerExit, leaseEnd: LeaseEnd | undefined): KilledBy {
  if (exit.oom) return 'oom'
  return leaseEnd ? KILLED_BY_LEASE_END[leaseEnd] : 'crash'
}
