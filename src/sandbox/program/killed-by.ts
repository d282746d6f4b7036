import type { Channel } from '../../agent/channel.js'
import type { Outcome } from '../../agent/exchange.js'
import type { ContainerExit } from '../../engine/engine.js'
import type { Lease, LeaseEnd } from '../../pool/lease.js'
import type { KilledBy, Usage } from './result.js'

/** The end of a program, as its agent or the end of its container reports it. */
export interface ProgramEnd {
  exitCode: number | null
  signal: string | null
  usage: Usage | undefined
  killedBy: KilledBy | undefined
}

/** The end of a program that was ended before it started. */
export const NEVER_STARTED: ProgramEnd = {
  exitCode: null,
  signal: null,
  usage: undefined,
  killedBy: undefined,
}

/** The reason that a program ends with, if its lease ends first. */
export const KILLED_BY_LEASE_END: Readonly<Record<LeaseEnd, KilledBy>> = {
  released: 'abort',
  aborted: 'abort',
  failed: 'abort',
  ttl: 'timeout',
  crash: 'crash',
  idle: 'abort',
  evicted: 'abort',
  closed: 'shutdown',
}

/** Returns the end of a program from the outcome of its request. */
export function endOf(outcome: Outcome, lease: Lease<Channel>): ProgramEnd {
  if ('lost' in outcome) {
    const killedBy = reasonOfLoss(outcome.lost, lease.ended)
    return { exitCode: null, signal: 'SIGKILL', usage: undefined, killedBy }
  }
  const { exitCode = null, signal = null, usage, cause, error } = outcome.done
  return {
    exitCode,
    signal,
    usage: usage ? { cpuMs: usage.cpuMs, maxRssBytes: usage.maxRssBytes ?? undefined } : undefined,
    // The agent failed and could not start the program: report that as a crash of the container.
    killedBy: error ? 'crash' : (cause ?? undefined),
  }
}

function reasonOfLoss(exit: ContainerExit, leaseEnd: LeaseEnd | undefined): KilledBy {
  // The OOM flag of a container is sticky: an earlier OOM kill of another program may have set it.
  // The end reason of the lease is more reliable, if there is one.
  if (leaseEnd && leaseEnd !== 'crash') return KILLED_BY_LEASE_END[leaseEnd]
  return exit.oom ? 'oom' : 'crash'
}
