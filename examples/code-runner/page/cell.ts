import { button, el } from './dom.js'
import { Editor } from './editor.js'
import type { Ending } from './ending.js'
import { follow } from './follow.js'
import { Output } from './output.js'
import type { Language } from './programs.js'
import type { Session } from './session.js'

/** The actions of a cell that the notebook does. */
export interface CellActions {
  run: (cell: Cell) => void
  remove: (cell: Cell) => void
  change: () => void
}

/** One cell of a notebook: code, and its output. */
export class Cell {
  readonly element = el('li', { className: 'cell' })
  readonly output: Output
  readonly #editor: Editor
  readonly #count = el('span', { className: 'count' })

  constructor({ language, code }: { language: Language; code: string }, actions: CellActions) {
    const place = el('div', { className: 'editor' })
    const output = el('div', {
      className: 'output',
      tabIndex: 0,
      role: 'group',
      ariaLabel: 'Output of the cell',
    })
    this.output = new Output(output)
    const run = () => actions.run(this)
    const bar = el('div', { className: 'bar' }, this.#count, button('Run', run))
    bar.append(button('Remove', () => actions.remove(this)))
    this.element.append(el('div', { className: 'code' }, place, bar), output)
    const label = 'Code of the cell'
    this.#editor = new Editor({
      parent: place,
      label,
      language,
      code,
      onRun: run,
      onChange: actions.change,
    })
  }

  get code(): string {
    return this.#editor.code
  }

  /** Runs the cell in the session. `onHead` gets what the server says about the session. */
  async run(session: Session, timeoutMs: number, onHead: (head: Headers) => void): Promise<Ending> {
    this.element.dataset.state = 'running'
    const start = () => session.run({ code: this.code, timeoutMs }, onHead)
    const ending = await follow(start, { output: this.output, editor: this.#editor })
    this.element.dataset.state = ending.isGood ? 'good' : 'bad'
    return ending
  }

  /** Shows how many cells the session had run when it ran this one. */
  set count(count: number) {
    this.#count.textContent = `[${count}]`
  }

  focus(): void {
    this.#editor.focus()
  }

  remove(): void {
    this.#editor.destroy()
    this.element.remove()
  }
}
