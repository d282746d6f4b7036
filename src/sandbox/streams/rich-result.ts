/**
 * A result of the code: an argument of `display()`, a figure, or the value of the last expression.
 * It has one field for each representation that the code provides.
 */
export interface RichResult {
  /** Whether the result is the value of the last expression. */
  isMain: boolean
  /** The value as text: `repr()` in Python, `util.inspect()` in JavaScript. */
  text?: string
  html?: string
  markdown?: string
  svg?: string
  /** A PNG image in base64. */
  png?: string
  /** A JPEG image in base64. */
  jpeg?: string
  latex?: string
  json?: unknown
  /** The names of the representations that were left out because they were too large. */
  omitted?: string[]
  /** What went wrong while the value was shown: the representations that failed, and why. */
  notes?: string[]
}

/** An error that the code threw and did not catch. */
export interface CodeError {
  /** The name of the error class: `ValueError`, `TypeError`, ... */
  name: string
  message: string
  /**
   * The stack trace as the language prints it, with the file name and the line numbers of the code.
   */
  traceback: string
}
