import type { EventEmitter } from 'node:events'

/** How long a client may keep a sandbox that nothing runs in any more. */
export interface StallLimits {
  stallTimeoutMs: number
  drainTimeoutMs: number
}

/** A response on its way to its client. */
interface Delivery {
  outgoing: EventEmitter
  socket: EventEmitter | undefined
  /** Whether a call of the sandbox is under way: then its own time limit counts. */
  isBusy: () => boolean
}

/** How many times a limit is looked at before it is over. */
const LOOKS = 8

/**
 * Calls `onStall` once, if the client takes no byte of a response for `stallTimeoutMs`, or has not
 * taken all of it after `drainTimeoutMs`. Both count only while bytes wait for the client and no call
 * of the sandbox is under way. Gives the function that ends the watch.
 *
 * Time is counted in looks, after a turn of the event loop: while the server itself is frozen, its
 * clients do not stall.
 */
export function onStall(
  { outgoing, socket, isBusy }: Delivery,
  { stallTimeoutMs, drainTimeoutMs }: StallLimits,
  onStall: () => void,
): () => void {
  const lookMs = Math.max(1, Math.min(stallTimeoutMs, drainTimeoutMs) / LOOKS)
  let stalledMs = 0
  let drainingMs = 0
  let before = ''
  const look = () => {
    const taken = takenOf(outgoing, socket)
    const isWaiting = !isBusy() && hasPending(outgoing, socket)
    drainingMs = isWaiting ? drainingMs + lookMs : 0
    stalledMs = isWaiting && taken === before ? stalledMs + lookMs : 0
    before = taken
    if (stalledMs < stallTimeoutMs && drainingMs < drainTimeoutMs) return
    stop()
    onStall()
  }
  let looking: NodeJS.Immediate | undefined
  const timer = setInterval(() => (looking = setImmediate(look)), lookMs).unref()
  const stop = () => {
    clearInterval(timer)
    clearImmediate(looking)
  }
  return stop
}

/** Whether bytes wait for the client, in the response or in its connection. */
function hasPending(outgoing: EventEmitter, socket: EventEmitter | undefined): boolean {
  return [outgoing, socket].some((each) => numberOf(each, 'writableLength') > 0)
}

/** Changes whenever the client has taken something. */
function takenOf(outgoing: EventEmitter, socket: EventEmitter | undefined): string {
  const handle: unknown = socket && Reflect.get(socket, '_handle')
  return [
    numberOf(outgoing, 'writableLength'),
    numberOf(socket, 'bytesWritten'),
    numberOf(socket, 'writableLength'),
    // What the kernel took of one long write shows here alone. Node's own timeout looks at it, too.
    numberOf(handle, 'writeQueueSize'),
  ].join()
}

function numberOf(object: unknown, name: string): number {
  if (typeof object !== 'object' || object === null) return 0
  const value: unknown = Reflect.get(object, name)
  return typeof value === 'number' ? value : 0
}
