import { parseArgs, styleText } from 'node:util'

/** An event of the start or the end of the server. */
interface ServerEvent {
  event: 'ready' | 'warning' | 'listening' | 'draining'
  language?: string
  [field: string]: unknown
}

/** Tells the operator about an event. `text` is the line for people. */
export type Say = (event: ServerEvent, text: string) => void

const FLAGS = { quiet: { type: 'boolean' }, json: { type: 'boolean' } } as const

/**
 * Returns the function that writes to the terminal, by the arguments of the process: text; with
 * `--json`, an object in each line; with `--quiet`, only warnings. Warnings go to stderr. Colours
 * are for a terminal alone, and not with `NO_COLOR`.
 *
 * @throws Error if there is another argument.
 */
export function terminal(args: readonly string[]): Say {
  const { quiet, json } = parseArgs({ args: [...args], options: FLAGS }).values
  return (event, text) => {
    const isWarning = event.event === 'warning'
    if (quiet && !isWarning) return
    const write = isWarning ? console.error : console.log
    write(json ? JSON.stringify(event) : styled(event, text))
  }
}

function styled({ event, language }: ServerEvent, text: string): string {
  if (event === 'warning') {
    return `${styleText('yellow', 'warning:', { stream: process.stderr })} ${text}`
  }
  if (language === undefined) return text
  return `${styleText('cyan', language.padEnd(11), { stream: process.stdout })} ${text}`
}
