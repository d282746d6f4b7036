/**
 * How many containers a load needs: queueing theory, and nothing that asks or measures. Erlang C
 * says how long callers wait for one of `places`, Poisson how many come during one launch.
 */

/** The load on a language's containers, and how many of them may live at once. */
export interface QueueModel {
  /** How many may live at once: the `max` of a language. */
  places: number
  /** Callers a second. */
  rate: number
  /**
   * How long one caller binds a place, in milliseconds: a container is used once, so it is the time
   * that it is held and the time that its replacement takes.
   */
  boundMs: number
}

/** What callers are promised: at most `100 - percentile` % of them wait for longer than `waitMs`. */
export interface Target {
  waitMs: number
  percentile: number
}

/** What `hono-sandbox size` and a pool that sizes itself promise, where nobody says otherwise. */
export const TARGET: Target = { waitMs: 100, percentile: 99 }

/** What a launch and a removal take together under runc, about, in milliseconds. */
export const REPLACE_MS = 500

/** Places bound on average: the load, in erlang. */
export function erlangs({ rate, boundMs }: Pick<QueueModel, 'rate' | 'boundMs'>): number {
  return (rate * boundMs) / 1000
}

/** Erlang C: the chance that a caller finds every place bound. */
export function erlangC(places: number, load: number): number {
  let blocked = 1
  for (let place = 1; place <= places; place++) blocked = nextErlangB(place, load, blocked)
  return fromErlangB(places, load, blocked)
}

/** Erlang B with one place more. Its factorials, written out, overflow at 171 places. */
function nextErlangB(places: number, load: number, blocked: number): number {
  return (load * blocked) / (places + load * blocked)
}

function fromErlangB(places: number, load: number, blocked: number): number {
  return load >= places ? 1 : (places * blocked) / (places - load * (1 - blocked))
}

/** The chance that a caller waits for longer than so many milliseconds. */
export function chanceOfWaiting(model: QueueModel, longerThanMs = 0): number {
  return waitsLonger(model, erlangC(model.places, erlangs(model)), longerThanMs)
}

function waitsLonger({ places, rate, boundMs }: QueueModel, waits: number, ms: number): number {
  const spare = places / boundMs - rate / 1000
  return spare > 0 ? waits * Math.exp(-spare * ms) : 1
}

/** How long callers wait on average, in milliseconds, those counted that do not wait at all. */
export function meanWaitMs(model: QueueModel): number {
  const spare = model.places / model.boundMs - model.rate / 1000
  return spare > 0 ? erlangC(model.places, erlangs(model)) / spare : Infinity
}

/** The fewest places that keep what is promised: the `max` of a language. */
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
 * How many to keep warm: the fewest that more callers do not come for during one launch, but in
 * `100 - percentile` % of all cases. A launch begins when a container is taken, so what is missing
 * from the stock is what was asked for during the last launch time.
 */
export function warmFor(
  { rate, launchMs }: { rate: number; launchMs: number },
  { most = Infinity, percentile = TARGET.percentile }: { most?: number; percentile?: number } = {},
): number {
  if (rate === 0) return 0
  const expected = (rate * launchMs) / 1000
  // As a logarithm: the chance of none is 0 in a double where more than 745 are expected.
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

/** The share that a percentile leaves out. */
function missesOf(percentile: number): number {
  // Divided last: `1 - 99 / 100` is more than a hundredth.
  return (100 - percentile) / 100
}
