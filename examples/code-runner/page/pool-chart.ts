const SVG = 'http://www.w3.org/2000/svg'
/** The seconds that a chart shows. */
const SECONDS = 60
const [WIDTH, HEIGHT] = [300, 72]

/** The states of a container, from the bottom of the chart to its top. */
export const STATES = ['leased', 'idle', 'starting', 'recycling'] as const

/** The numbers of one second. */
export type Sample = Record<(typeof STATES)[number] | 'waiting' | 'max', number>

/** A chart of the containers in the last minute, by state, and of the callers that wait. */
export class PoolChart {
  readonly element = create('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' })
  readonly #bands = STATES.map((state) => create('path', { class: `band ${state}` }))
  readonly #waiting = create('path', { class: 'waiting' })
  readonly #samples: Sample[] = []

  constructor() {
    this.element.setAttribute('preserveAspectRatio', 'none')
    this.element.append(...this.#bands, this.#waiting)
  }

  /** Adds the numbers of a second. */
  add(sample: Sample): void {
    this.#samples.push(sample)
    if (this.#samples.length > SECONDS) this.#samples.shift()
    const top = Math.max(1, ...this.#samples.map(({ max, waiting }) => Math.max(max, waiting)))
    const y = (value: number) => (HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)
    let below = this.#samples.map(() => 0)
    for (const [index, state] of STATES.entries()) {
      const above = this.#samples.map((each, at) => (below[at] ?? 0) + each[state])
      const path = `M${this.#line(above, y)}L${this.#line(below, y, 'back')}Z`
      this.#bands[index]?.setAttribute('d', path)
      below = above
    }
    const waiting = this.#samples.map((each) => each.waiting)
    this.#waiting.setAttribute(
      'd',
      waiting.some((count) => count > 0) ? `M${this.#line(waiting, y)}` : '',
    )
  }

  #line(values: readonly number[], y: (value: number) => string, order?: 'back'): string {
    const first = SECONDS - values.length
    const points = values.map((value, at) => {
      const x = ((first + at) / (SECONDS - 1)) * WIDTH
      return `${x.toFixed(1)} ${y(value)}`
    })
    // A single second is a line of some width.
    if (points.length === 1) points.unshift(`${WIDTH - 4} ${y(values[0] ?? 0)}`)
    return (order === 'back' ? points.toReversed() : points).join('L')
  }
}

function create<Name extends 'svg' | 'path'>(
  name: Name,
  attributes: Record<string, string>,
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}
