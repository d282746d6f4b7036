import { byId } from './dom.js'
import { Editor } from './editor.js'
import { follow } from './follow.js'
import { InputForm } from './input-form.js'
import { LocalFiles } from './local-files.js'
import { Output } from './output.js'
import { plainRun } from './plain-run.js'
import type { Language, Program } from './programs.js'
import { languageOf } from './programs.js'
import type { Status } from './status.js'

/** The view of one program: an editor, its output and its input. A reload keeps the code. */
export class Script {
  readonly files = new LocalFiles()
  readonly editor: Editor
  readonly #output = new Output(byId('output', HTMLElement))
  readonly #input = new InputForm((text) => this.#output.write('stdin', text))
  readonly #status: Status
  #language: Language = 'python'
  #stop: (() => void) | undefined

  constructor(status: Status, onRun: () => void) {
    this.#status = status
    this.editor = new Editor({
      parent: byId('editor', HTMLElement),
      label: 'Program',
      language: this.#language,
      onRun,
      onChange: () => this.#save(),
    })
    byId('clear', HTMLButtonElement).addEventListener('click', () => this.#output.clear())
  }

  get language(): Language {
    return this.#language
  }

  set language(language: Language) {
    this.#language = language
    this.editor.language = language
    this.#save()
  }

  /** Runs the program in a new container. */
  async run(options: { language: Language; timeoutMs: number }): Promise<void> {
    this.files.startRun()
    this.#status.start()
    const run = await plainRun({ code: this.editor.code, ...options }, this.files)
    this.#stop = run.stop
    if (run.input) this.#input.open(run.input)
    const views = { output: this.#output, editor: this.editor, takes: this.files.take }
    const ending = await follow(() => run.events, views)
    this.#stop = undefined
    this.#input.close()
    this.#status.end(ending, this.#output)
  }

  /** Interrupts the program. The second call kills it. */
  stop(): void {
    this.#stop?.()
  }

  /** Shows another program. */
  load({ language, code }: Program): void {
    this.language = language
    this.editor.code = code
    this.#output.clear()
  }

  /** Shows the program from before a reload. Returns whether there is one. */
  restore(): boolean {
    const code = sessionStorage.getItem('code')
    if (code === null) return false
    this.load({ language: languageOf(sessionStorage.getItem('language') ?? undefined), code })
    return true
  }

  #save(): void {
    sessionStorage.setItem('language', this.#language)
    sessionStorage.setItem('code', this.editor.code)
  }
}
