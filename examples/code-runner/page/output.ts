import { el } from './dom.js'
import type { Result } from './results.js'
import { showResult } from './results.js'

/** The number of characters that stay on the screen. */
const MAX_CHARACTERS = 200_000
/** The number of pieces of text and results that stay on the screen. */
const MAX_PARTS = 500
/** The number of results that are shown: frames need memory and time. */
const MAX_RESULTS = 100

/** The output of a program on the screen: text as text, and results. */
export class Output {
  readonly element: HTMLElement
  #waiting: { type: string; text: string }[] = []
  #frame = 0
  #characters = 0
  /** The numbers of results and of lines since `clear()`, for a screen reader. */
  results = 0
  lines = 0

  constructor(element: HTMLElement) {
    this.element = element
  }

  clear(): void {
    cancelAnimationFrame(this.#frame)
    this.#waiting = []
    this.#frame = this.#characters = this.results = this.lines = 0
    this.element.replaceChildren()
  }

  /** Adds text of a stream. The screen is updated once in a frame. */
  write(type: 'stdout' | 'stderr' | 'stdin' | 'note', text: string): void {
    const last = this.#waiting.at(-1)
    if (last?.type === type) last.text += text
    else this.#waiting.push({ type, text })
    this.#frame ||= requestAnimationFrame(() => this.flush())
  }

  show(result: Result): void {
    this.results++
    if (this.results === MAX_RESULTS + 1) this.write('note', 'Further results are not shown.\n')
    if (this.results > MAX_RESULTS) return
    this.flush()
    this.#append(showResult(result))
  }

  /** Puts the text that waits on the screen. */
  flush(): void {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    for (const { type, text } of this.#waiting.splice(0)) this.#put(type, text)
  }

  #put(type: string, text: string): void {
    this.lines += text.split('\n').length - 1
    const shown = text.slice(-MAX_CHARACTERS)
    this.#characters += shown.length
    const last = this.element.lastElementChild
    const isSame = last instanceof HTMLPreElement && last.className === type
    if (isSame && (last.textContent?.length ?? 0) < MAX_CHARACTERS / 10) {
      this.#keepAtEnd(() => last.append(shown))
    } else this.#append(el('pre', { className: type }, shown))
  }

  #append(part: HTMLElement): void {
    this.#keepAtEnd(() => this.element.append(part))
    const { children } = this.element
    while (children.length > MAX_PARTS || this.#characters > 2 * MAX_CHARACTERS) {
      const [first] = children
      if (!first || first === part) return
      if (first instanceof HTMLPreElement) this.#characters -= first.textContent?.length ?? 0
      first.remove()
    }
  }

  /** Scrolls to the end, if the end was visible before. */
  #keepAtEnd(change: () => void): void {
    const { element } = this
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40
    change()
    if (isAtEnd) element.scrollTop = element.scrollHeight
  }
}
