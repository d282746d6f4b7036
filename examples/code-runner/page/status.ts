import { byId } from './dom.js'
import type { Ending } from './ending.js'
import type { Output } from './output.js'

/**
 * The line with the state of the run. A screen reader reads the beginning and the end of a run, not
 * the output: that stays silent, because it can change many times a second.
 */
export class Status {
  readonly #line = byId('status', HTMLElement)
  readonly #clock = byId('clock', HTMLElement)
  #timer: ReturnType<typeof setInterval> | undefined

  /** Shows a message. */
  say(text: string, state: 'idle' | 'running' | 'good' | 'bad' = 'idle'): void {
    this.#line.textContent = text
    this.#line.dataset.state = state
  }

  /** Shows that a program runs, with the time. */
  start(): void {
    this.say('Running', 'running')
    const began = performance.now()
    const show = () =>
      (this.#clock.textContent = `${((performance.now() - began) / 1000).toFixed(1)} s`)
    show()
    this.#timer = setInterval(show, 100)
  }

  /** Shows the end of the program, and how much output there is. */
  end({ text, isGood }: Ending, { lines, results }: Pick<Output, 'lines' | 'results'>): void {
    clearInterval(this.#timer)
    this.#clock.textContent = ''
    const parts = [count(lines, 'line'), count(results, 'result')].filter((part) => part !== '')
    const amount = parts.length > 0 ? parts.join(', ') : 'no output'
    this.say(`${isGood ? 'Finished' : 'Ended'}: ${text}, ${amount}`, isGood ? 'good' : 'bad')
  }
}

function count(number: number, noun: string): string {
  return number === 0 ? '' : `${number} ${noun}${number === 1 ? '' : 's'}`
}
