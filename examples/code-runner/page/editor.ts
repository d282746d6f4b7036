import { indentWithTab } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import { python } from '@codemirror/lang-python'
import { indentUnit, syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState, Prec } from '@codemirror/state'
import { EditorView, keymap } from '@codemirror/view'
import { classHighlighter } from '@lezer/highlight'
import { basicSetup } from 'codemirror'
import type { Mark } from './error-mark.js'
import { errorMark, setMark } from './error-mark.js'
import type { Language } from './programs.js'

const MODES = {
  python: () => [python(), indentUnit.of('    ')],
  nodejs: () => [javascript(), indentUnit.of('  ')],
  typescript: () => [javascript({ typescript: true }), indentUnit.of('  ')],
} satisfies Record<Language, () => unknown>

/** The options of an editor. */
interface EditorOptions {
  parent: HTMLElement
  /** The name for screen readers. */
  label: string
  language: Language
  code?: string
  /** Called by Ctrl-Enter, and by Cmd-Enter on a Mac. */
  onRun: () => void
  onChange?: () => void
}

/** An editor for code. */
export class Editor {
  readonly #view: EditorView
  readonly #mode = new Compartment()

  constructor({ parent, label, language, code = '', onRun, onChange }: EditorOptions) {
    const run = () => {
      onRun()
      return true
    }
    this.#view = new EditorView({
      parent,
      doc: code,
      extensions: [
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
        basicSetup,
        keymap.of([indentWithTab]), // Escape and then Tab leaves the editor.
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label, 'aria-describedby': 'keys' }),
        EditorView.updateListener.of(({ docChanged }) => docChanged && onChange?.()),
        EditorState.tabSize.of(4),
        syntaxHighlighting(classHighlighter),
        errorMark,
        this.#mode.of(MODES[language]()),
      ],
    })
  }

  get code(): string {
    return this.#view.state.doc.toString()
  }

  set code(insert: string) {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert } })
  }

  set language(language: Language) {
    this.#view.dispatch({ effects: this.#mode.reconfigure(MODES[language]()) })
  }

  /** Marks the line of an error, or removes the mark. */
  mark(mark: Mark | undefined): void {
    this.#view.dispatch({ effects: setMark.of(mark) })
  }

  focus(): void {
    this.#view.focus()
  }

  destroy(): void {
    this.#view.destroy()
  }
}
