import path from 'node:path'
import { readText } from './docs.js'

/** One command of a `sh` block: its words without quotes. `$(...)` is not expanded. */
export type Command = readonly string[]

/** The request of a `curl` command. */
export interface CurlRequest {
  url: URL
  method: string
  headers: Record<string, string>
  body: string | FormData | undefined
  /** The file in which `curl` keeps cookies. */
  jar: string | undefined
}

/** Returns the commands of a block: one for each line or part of an `&&`. A backslash continues a line. */
export function commandsIn(block: string): Command[] {
  const lines = block.replaceAll('\\\n', ' ').split('\n')
  const commands: string[][] = []
  for (const line of lines.filter((text) => text.trim() !== '')) {
    commands.push([])
    for (const word of wordsIn(line)) {
      if (word === '&&') commands.push([])
      else commands.at(-1)?.push(word)
    }
  }
  return commands
}

const WORD = /(?:'[^']*'|"(?:\$\([^)]*\)|[^"])*"|[^\s'"])+/g
const QUOTED = /'([^']*)'|"((?:\$\([^)]*\)|[^"])*)"/g

function wordsIn(line: string): string[] {
  const words = line.match(WORD) ?? []
  return words.map((word) => word.replaceAll(QUOTED, (_, one = '', two = '') => `${one}${two}`))
}

/**
 * Reads a `curl` command.
 *
 * @throws Error if the command has an option that this function does not support.
 */
export function readCurl([, ...words]: Command): CurlRequest {
  const urls: string[] = []
  const headers: Record<string, string> = {}
  let method: string | undefined
  let body: string | FormData | undefined
  let jar: string | undefined
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const value = () => words[++at] ?? ''
    if (SILENT.has(word)) continue
    else if (word === '-d') body = value()
    else if (word === '-b' || word === '-c') jar = value()
    else if (word === '-F')
      addField((body = body instanceof FormData ? body : new FormData()), value())
    else if (word === '-X') method = value()
    else if (word === '-H') addHeader(headers, value())
    else if (word.startsWith('-')) throw new Error(`unsupported option of curl: ${word}`)
    else urls.push(word)
  }
  const [url, ...more] = urls
  if (url === undefined || more.length > 0)
    throw new Error(`curl must have one URL: ${words.join(' ')}`)
  // `fetch` sets the content type of a form itself.
  if (typeof body === 'string') headers['content-type'] ??= FORM
  return {
    url: new URL(url),
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers,
    body,
    jar,
  }
}

/** The options that change only how curl prints the answer. */
const SILENT: ReadonlySet<string> = new Set(['-s', '-N', '-sN'])
/** The content type that curl sends if the command has none. */
const FORM = 'application/x-www-form-urlencoded'

function addHeader(headers: Record<string, string>, header: string): void {
  const [name = '', value = ''] = header.split(/:\s*/)
  headers[name.toLowerCase()] = value
}

/** Adds a field to a form: `name=text`, or `name=@file` with a file of this repository. */
function addField(form: FormData, field: string): void {
  const [, name = '', isFile, value = ''] = /^(\w+)=(@?)(.*)$/s.exec(field) ?? []
  if (isFile) form.append(name, new File([readText(value)], path.basename(value)))
  else form.append(name, value)
}
