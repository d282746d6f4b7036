import type { EventEmitter } from 'node:events'
import { turnTimer } from '../src/util/deadline.js'

/** The time limits for a client that keeps a sandbox without a running call, in milliseconds. */
export interface StallLimits {
  /** The limit for a client that reads no byte of the response. */
  stallTimeoutMs: number
  /** The limit for a client that reads the response slowly. */
  drainTimeoutMs: number
}

/** A response that is being sent. */
interface Delivery {
  outgoing: EventEmitter
  socket: EventEmitter | undefined
  /**
   * Returns whether a call of the sandbox is running. A running call has a time limit of its own.
   */
  isBusy: () => boolean
}

/** The number of checks in the shorter of the two limits. */
const CHECKS = 8

/**
 * Calls `onStall` once if the client reads no byte of a response for `stallTimeoutMs`, or has not
 * read all of it after `drainTimeoutMs`. Both times count only while bytes wait for the client and
 * no call of the sandbox is running. Returns the function that stops the check.
 *
 * The time is measured by the number of checks, and each check waits for a turn of the event loop.
 * So the time for which the server itself is frozen does not count.
 */
export function onStall(
  { outgoing, socket, isBusy }: Delivery,
  { stallTimeoutMs, drainTimeoutMs }: StallLimits,
  onStall: () => void,
): () => void {
  const checkMs = Math.max(1, Math.min(stallTimeoutMs, drainTimeoutMs) / CHECKS)
  let stalledMs = 0
  let drainingMs = 0
  let before = ''
  const check = () => {
    const progress = progressOf(outgoing, socket)
    const isWaiting = !isBusy() && hasPending(outgoing, socket)
    drainingMs = isWaiting ? drainingMs + checkMs : 0
    stalledMs = isWaiting && progress === before ? stalledMs + checkMs : 0
    before = progress
    if (stalledMs < stallTimeoutMs && drainingMs < drainTimeoutMs) return
    stop()
    onStall()
  }
  const afterTurn = turnTimer()
  let stopCheck = () => {}
  const timer = setInterval(() => (stopCheck = afterTurn(check)), checkMs).unref()
  const stop = () => {
    clearInterval(timer)
    stopCheck()
  }
  return stop
}

/** Returns whether the response or its connection has bytes that the client has not read. */
function hasPending(outgoing: EventEmitter, socket: EventEmitter | undefined): boolean {
  return [outgoing, socket].some((each) => numberOf(each, 'writableLength') > 0)
}

/** Returns a text that changes when the client has read some bytes. */
function progressOf(outgoing: EventEmitter, socket: EventEmitter | undefined): string {
  const handle: unknown = socket && Reflect.get(socket, '_handle')
  return [
    numberOf(outgoing, 'writableLength'),
    numberOf(socket, 'bytesWritten'),
    numberOf(socket, 'writableLength'),
    // During one long write, only this number shows the progress. The socket timeout of Node uses
    // it, too.
    numberOf(handle, 'writeQueueSize'),
  ].join()
}

function numberOf(object: unknown, name: string): number {
  if (typeof object !== 'object' || object === null) return 0
  const value: unknown = Reflect.get(object, name)
  return typeof value === 'number' ? value : 0
}
