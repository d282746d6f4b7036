import type { EditorState } from '@codemirror/state'
import { StateEffect, StateField } from '@codemirror/state'
import type { DecorationSet } from '@codemirror/view'
import { Decoration, EditorView, WidgetType } from '@codemirror/view'

/** An error and its line, counted from 1. */
export interface Mark {
  line: number
  message: string
}

/** Sets the mark of an editor, or removes it. */
export const setMark = StateEffect.define<Mark | undefined>()

/** Shows the mark of an editor: the line, and the error below it. A change of the code removes it. */
export const errorMark = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (marks, { docChanged, effects, state }) => {
    for (const effect of effects)
      if (effect.is(setMark)) return effect.value ? marksOf(effect.value, state) : Decoration.none
    return docChanged ? Decoration.none : marks
  },
  provide: (field) => EditorView.decorations.from(field),
})

function marksOf({ line, message }: Mark, { doc }: EditorState): DecorationSet {
  if (line < 1 || line > doc.lines) return Decoration.none
  const { from, to } = doc.line(line)
  const widget = new Message(message)
  return Decoration.set([
    Decoration.line({ class: 'error-line' }).range(from),
    Decoration.widget({ widget, block: true, side: 1 }).range(to),
  ])
}

class Message extends WidgetType {
  readonly #text: string

  constructor(text: string) {
    super()
    this.#text = text
  }

  override toDOM(): HTMLElement {
    const message = document.createElement('div')
    message.className = 'error-message'
    message.textContent = this.#text
    return message
  }
}
