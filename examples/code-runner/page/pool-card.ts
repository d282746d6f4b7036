import type { Figures } from '../playground/figures.js'
import { el } from './dom.js'
import { PoolChart, STATES } from './pool-chart.js'

/** The figures of one language, with a chart of the last minute. */
export class LanguageCard {
  readonly element: HTMLElement
  readonly #language: string
  readonly #chart = new PoolChart()
  readonly #numbers = new Map<string, HTMLElement>()
  readonly #list = el('dl', { className: 'numbers' })
  readonly #more = el('dl', { className: 'more' })

  constructor(language: string) {
    this.#language = language
    const heading = el('h2', { id: `pool-${language}` }, language)
    const chart = el('div', { className: 'chart' })
    chart.append(this.#chart.element)
    this.element = el('article', {}, heading, this.#list, chart, this.#more)
    this.element.setAttribute('aria-labelledby', heading.id)
  }

  /** Shows the figures of a second. */
  show(figures: Figures): void {
    this.#chart.add(figures)
    for (const state of [...STATES, 'waiting'] as const)
      this.#set(this.#list, state, figures[state])
    const { size, max, sessions, launched, launchesFailed, waitP50Ms, waitP95Ms, ends } = figures
    this.#set(this.#more, 'warm size, maximum', `${size}, ${max}`)
    this.#set(this.#more, 'sessions', sessions)
    this.#set(this.#more, 'wait p50, p95', `${time(waitP50Ms)}, ${time(waitP95Ms)}`)
    this.#set(
      this.#more,
      'launches',
      launchesFailed > 0 ? `${launched}, ${launchesFailed} failed` : launched,
    )
    const reasons = Object.entries(ends).map(([reason, count]) => `${reason} ${count}`)
    this.#set(this.#more, 'leases ended', reasons.join(', ') || 'none')
    const summary = STATES.map((state) => `${figures[state]} ${state}`).join(', ')
    const label = `Containers of ${this.#language} in the last minute. Now: ${summary}, of at most ${max}.`
    this.#chart.element.setAttribute('aria-label', label)
  }

  #set(list: HTMLElement, name: string, value: string | number): void {
    let place = this.#numbers.get(name)
    if (!place) {
      place = el('dd')
      this.#numbers.set(name, place)
      const row = el('div', {}, el('dt', {}, name), place)
      row.dataset.name = name
      list.append(row)
    }
    const text = String(value)
    if (place.textContent !== text) place.textContent = text
  }
}

function time(ms: number | null): string {
  return ms === null ? '–' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}
