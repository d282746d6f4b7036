import { SandboxClientError } from './client-error.js'

const LINE_END = /\r\n|\n|\r/

/** Cuts text into lines. A piece may end anywhere, also between the two characters of a line end. */
export class Lines {
  readonly #maxLength: number
  #rest = ''
  #endsWithReturn = false

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /**
   * Adds a piece of text, and returns the lines that it completes.
   *
   * @throws SandboxClientError `invalid` if a line is too long.
   */
  push(piece: string): string[] {
    if (piece === '') return []
    // A carriage return ends a line at once. A line feed at the start of the next piece belongs to
    // it.
    const text = this.#endsWithReturn && piece.startsWith('\n') ? piece.slice(1) : piece
    this.#endsWithReturn = piece.endsWith('\r')
    const lines = text.split(LINE_END)
    lines[0] = this.#rest + (lines[0] ?? '')
    this.#rest = lines.pop() ?? ''
    for (const line of [...lines, this.#rest]) checkLength(line, this.#maxLength)
    return lines
  }
}

/** Throws if a text of the stream is too long. */
export function checkLength({ length }: string, maxLength: number): void {
  if (length <= maxLength) return
  const message = `the stream has an event of more than ${maxLength} characters: raise maxLineLength`
  throw new SandboxClientError('invalid', message)
}
