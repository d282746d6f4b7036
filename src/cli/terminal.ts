import { styleText } from 'node:util'

/** The facts of a line, for programs that read it. */
interface About {
  /**
   * The kind of the line: of the plan, of a step on the machine, of an image that is looked for,
   * pulled or built, or a hint. `progress` repeats until the image is pulled.
   */
  event:
    | 'plan'
    | 'step'
    | 'hint'
    | 'available'
    | 'pulling'
    | 'progress'
    | 'pulled'
    | 'refused'
    | 'building'
    | 'built'
  /** The language of the image; `data` or `compiler` for the further images. */
  language?: string
  image?: string
}

/** Prints one line. Without facts it is a step on the machine. */
export type Say = (line: string, about?: About) => void

/** A stream that may be a terminal. */
type Output = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'> & NodeJS.WritableStream

/** The ways to print progress: lines for people, one JSON object in each line, or nothing. */
export const FORMATS = { text: sayText, json: sayJson, quiet: () => () => {} } as const

/** The name of a way to print progress. */
export type OutputFormat = keyof typeof FORMATS

/**
 * Prints text. On a terminal, labels have a colour unless `NO_COLOR` is set, and the next line about
 * an image replaces a line about its pull: in the end each image has one line.
 */
function sayText(output: Output): Say {
  let replaceable: string | undefined
  return (line, { event, image } = { event: 'step' }) => {
    const back = output.isTTY && image !== undefined && image === replaceable ? UP_AND_CLEAR : ''
    replaceable = event === 'pulling' || event === 'progress' ? image : undefined
    // A line that is replaced must not wrap.
    const text = output.isTTY && replaceable !== undefined ? line.slice(0, output.columns) : line
    output.write(`${back}${styled(text, output)}\n`)
  }
}

const UP_AND_CLEAR = '\u001B[1A\u001B[2K'

function sayJson(output: Output): Say {
  return (line, about = { event: 'step' }) => {
    const message = line.trim().replaceAll(/ {2,}/g, ' ')
    output.write(`${JSON.stringify({ ...about, message })}\n`)
  }
}

/** Colours the label at the beginning of a line. */
function styled(line: string, stream: Output): string {
  return line.replace(/^\S+(?= )/, (label) => styleText('cyan', label, { stream }))
}

/** Prints the error that ends the program: as JSON if the progress is JSON, otherwise as text. */
export function complain(message: string, format: OutputFormat, output: Output): void {
  const text = `${styleText('red', 'error:', { stream: output })} ${message}`
  output.write(`${format === 'json' ? JSON.stringify({ event: 'error', message }) : text}\n`)
}
