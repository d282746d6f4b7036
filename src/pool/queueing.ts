/**
 * Calculates the number of containers for a load with queueing theory. This file measures nothing.
 * Erlang C yields the time that callers wait for one of `places`, and the Poisson distribution
 * yields the number of callers during one launch.
 */

/** The load on the containers of one language, and the greatest number of these containers. */
export interface QueueModel {
  /** The greatest number of containers at the same time: the `max` of a language. */
  places: number
  /** The number of callers per second. */
  rate: number
  /**
   * The time for which one caller occupies a place, in milliseconds. A container is used once, so
   * this is the duration of the lease and of the replacement of the container.
   */
  boundMs: number
}

/**
 * The target for the waiting time: at most `100 - percentile` % of the callers wait longer than
 * `waitMs`.
 */
export interface Target {
  waitMs: number
  percentile: number
}

/** The default target of `hono-sandbox size` and of a pool that sizes itself. */
export const TARGET: Target = { waitMs: 100, percentile: 99 }

/** The approximate duration of a launch and a removal together under runc, in milliseconds. */
export const REPLACE_MS = 500

/** Returns the average number of occupied places: the load in erlang. */
export function erlangs({ rate, boundMs }: Pick<QueueModel, 'rate' | 'boundMs'>): number {
  return (rate * boundMs) / 1000
}

/** Returns the probability that a caller finds all places occupied (Erlang C). */
export function erlangC(places: number, load: number): number {
  let blocked = 1
  for (let place = 1; place <= places; place++) blocked = nextErlangB(place, load, blocked)
  return fromErlangB(places, load, blocked)
}

/**
 * Returns the Erlang B value of `places`: the probability that all places are occupied, if callers
 * do not wait. `blocked` is the value for one place less. The value is computed step by step,
 * because the factorials of the closed formula overflow at 171 places.
 */
function nextErlangB(places: number, load: number, blocked: number): number {
  return (load * blocked) / (places + load * blocked)
}

/** Returns the Erlang C value that belongs to the Erlang B value `blocked`. */
function fromErlangB(places: number, load: number, blocked: number): number {
  return load >= places ? 1 : (places * blocked) / (places - load * (1 - blocked))
}

/** Returns the probability that a caller waits longer than `longerThanMs` milliseconds. */
export function chanceOfWaiting(model: QueueModel, longerThanMs = 0): number {
  return waitsLonger(model, erlangC(model.places, erlangs(model)), longerThanMs)
}

/**
 * Returns the probability of a wait longer than `ms`, if `waits` is the probability of any wait.
 */
function waitsLonger({ places, rate, boundMs }: QueueModel, waits: number, ms: number): number {
  const spare = places / boundMs - rate / 1000
  return spare > 0 ? waits * Math.exp(-spare * ms) : 1
}

/**
 * Returns the average waiting time of all callers in milliseconds, including the callers that do not
 * wait.
 */
export function meanWaitMs(model: QueueModel): number {
  const spare = model.places / model.boundMs - model.rate / 1000
  return spare > 0 ? erlangC(model.places, erlangs(model)) / spare : Infinity
}

/** Returns the smallest number of places that meets the target: the `max` of a language. */
export function placesFor(
  load: Pick<QueueModel, 'rate' | 'boundMs'>,
  { waitMs, percentile }: Target = TARGET,
): number {
  const bound = erlangs(load)
  let blocked = 1
  for (let places = 1; ; places++) {
    blocked = nextErlangB(places, bound, blocked)
    const waits = fromErlangB(places, bound, blocked)
    if (waitsLonger({ ...load, places }, waits, waitMs) <= missesOf(percentile)) return places
  }
}

/**
 * Returns the smallest number of warm containers for which a caller finds one of them idle in
 * `percentile` % of all cases, but at most `most`. The pool launches a container when a lease
 * begins, so the containers that are missing at any moment are those of the callers during the last
 * launch time.
 */
export function warmFor(
  { rate, launchMs }: { rate: number; launchMs: number },
  { most = Infinity, percentile = TARGET.percentile }: { most?: number; percentile?: number } = {},
): number {
  if (rate === 0) return 0
  const expected = (rate * launchMs) / 1000
  // This is a logarithm, because the probability of no caller is 0 in a double if more than 745
  // callers are expected.
  let chance = -expected
  let fewer = 0
  let size = 0
  while (size < most && 1 - fewer > missesOf(percentile)) {
    fewer += Math.exp(chance)
    size++
    chance += Math.log(expected / size)
  }
  return size
}

/** Returns the share of callers outside the percentile. */
function missesOf(percentile: number): number {
  // The division comes last, because `1 - 99 / 100` is more than 0.01 in a double.
  return (100 - percentile) / 100
}
