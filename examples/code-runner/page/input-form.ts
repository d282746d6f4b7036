import type { SocketRun } from 'hono-sandbox/client'
import { byId } from './dom.js'

/** The form for the input of a program that runs. */
export class InputForm {
  readonly #form = byId('input', HTMLFormElement)
  readonly #line = byId('line', HTMLInputElement)
  readonly #onSend: (text: string) => void
  #input: Pick<SocketRun, 'write' | 'eof'> | undefined

  /** `onSend` gets each line that the program gets. */
  constructor(onSend: (text: string) => void) {
    this.#onSend = onSend
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#send(`${this.#line.value}\n`)
    })
    byId('eof', HTMLButtonElement).addEventListener('click', () => {
      this.#input?.eof()
      this.close()
    })
  }

  /** Shows the form for a run. */
  open(input: Pick<SocketRun, 'write' | 'eof'>): void {
    this.#input = input
    this.#form.hidden = false
  }

  /** Hides the form. The focus goes to the output if it was in the form. */
  close(): void {
    this.#input = undefined
    if (this.#form.contains(document.activeElement)) byId('output', HTMLElement).focus()
    this.#form.hidden = true
  }

  #send(text: string): void {
    this.#line.value = ''
    this.#onSend(text)
    this.#input?.write(text).catch(() => {}) // the loop over the events has the same error
  }
}
