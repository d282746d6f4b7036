import { el } from './dom.js'
import type { Result } from './results.js'
import { showResult } from './results.js'

/** The number of characters that stay on the screen. */
const MAX_CHARACTERS = 200_000
/** The number of pieces of text and results that stay on the screen. */
const MAX_PARTS = 500
/** The number of results that are shown: frames need memory and time. */
const MAX_RESULTS = 100
/** The distance from the end, in pixels, from which on the output follows the end. */
const NEAR_END = 40

/** A piece of text of a stream. */
interface Piece {
  type: 'stdout' | 'stderr' | 'stdin' | 'note'
  text: string
}

/**
 * The output of a program on the screen: text as text, and results. The screen is updated once in a
 * frame, because a program can write thousands of pieces in that time.
 */
export class Output {
  readonly element: HTMLElement
  #waiting: (Piece | Result)[] = []
  #frame = 0
  #isFollowing = true
  #lineBreaks = 0
  #isInLine = false
  /** The number of results since `clear()`, for a screen reader. */
  results = 0

  constructor(element: HTMLElement) {
    this.element = element
    // Only a user scrolls away from the end. The content also grows without an update, when a picture
    // has loaded.
    element.addEventListener('scroll', () => {
      const below = element.scrollHeight - element.scrollTop - element.clientHeight
      this.#isFollowing = below < NEAR_END
    })
    element.addEventListener('load', () => this.#follow(), { capture: true })
  }

  /** The number of lines that the program has written since `clear()`, for a screen reader. */
  get lines(): number {
    return this.#lineBreaks + (this.#isInLine ? 1 : 0)
  }

  clear(): void {
    cancelAnimationFrame(this.#frame)
    this.#waiting = []
    this.#frame = this.results = this.#lineBreaks = 0
    this.#isInLine = false
    this.#isFollowing = true
    this.element.replaceChildren()
  }

  /** Adds text of a stream. */
  write(type: Piece['type'], text: string): void {
    if ((type === 'stdout' || type === 'stderr') && text !== '') {
      this.#lineBreaks += text.split('\n').length - 1
      this.#isInLine = !text.endsWith('\n')
    }
    const last = this.#waiting.at(-1)
    if (last && 'type' in last && last.type === type) {
      last.text = (last.text + text).slice(-MAX_CHARACTERS)
    } else this.#add({ type, text })
  }

  /** Adds a result. */
  show(result: Result): void {
    this.results++
    if (this.results <= MAX_RESULTS) this.#add(result)
    else if (this.results === MAX_RESULTS + 1)
      this.write('note', 'Further results are not shown.\n')
  }

  /** Puts everything that waits on the screen. Scrolls to the end, unless the user has left it. */
  flush(): void {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    for (const each of this.#waiting.splice(0)) {
      if ('type' in each) this.#put(each)
      else this.element.append(showResult(each))
    }
    this.#trim()
    this.#follow()
  }

  #follow(): void {
    if (this.#isFollowing) this.element.scrollTop = this.element.scrollHeight
  }

  #add(each: Piece | Result): void {
    this.#waiting.push(each)
    // A page in the background has no frames, so that everything would wait.
    if (this.#waiting.length > 2 * MAX_PARTS) this.#waiting.splice(0, MAX_PARTS)
    this.#frame ||= requestAnimationFrame(() => this.flush())
  }

  /** Appends text to the last piece of the same stream, or as a new piece. */
  #put({ type, text }: Piece): void {
    const last = this.element.lastElementChild
    const isSame = last instanceof HTMLPreElement && last.className === type
    if (isSame && lengthOf(last) < MAX_CHARACTERS / 10) last.append(text)
    else this.element.append(el('pre', { className: type }, text.slice(-MAX_CHARACTERS)))
  }

  /** Removes the oldest parts beyond the limits. */
  #trim(): void {
    const parts = [...this.element.children].toReversed()
    let characters = 0
    for (const [at, part] of parts.entries()) {
      characters += lengthOf(part)
      if (at > 0 && (at >= MAX_PARTS || characters > 2 * MAX_CHARACTERS)) part.remove()
    }
  }
}

function lengthOf(element: Element): number {
  return element.textContent?.length ?? 0
}
