import type { Channel } from '../../agent/channel.js'
import type { Outcome } from '../../agent/exchange.js'
import type { ContainerExit } from '../../engine/engine.js'
import type { Lease, LeaseEnd } from '../../pool/lease.js'
import type { KilledBy, Usage } from './result.js'

/** How a program ended, as far as its agent and its container know. */
export interface ProgramEnd {
  exitCode: number | null
  signal: string | null
  usage: Usage | undefined
  killedBy: KilledBy | undefined
}

export const NEVER_STARTED: ProgramEnd = {
  exitCode: null,
  signal: null,
  usage: undefined,
  killedBy: undefined,
}

const KILLED_BY_LEASE_END: Readonly<Record<LeaseEnd, KilledBy>> = {
  released: 'abort',
  aborted: 'abort',
  failed: 'abort',
  ttl: 'timeout',
  crash: 'crash',
  closed: 'shutdown',
}

export function endOf(outcome: Outcome, lease: Lease<Channel>): ProgramEnd {
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
  // A container keeps its word of an oom for ever: who ended it in another way knows better.
  if (leaseEnd && leaseEnd !== 'crash') return KILLED_BY_LEASE_END[leaseEnd]
  return exit.oom ? 'oom' : 'crash'
}
