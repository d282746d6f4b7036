/** One command of a `sh` block: its words, quotes taken off, with `$(...)` left as it is. */
export type Command = readonly string[]

/** What a `curl` line asks for. */
export interface CurlRequest {
  url: URL
  method: string
  headers: Record<string, string>
  body: string | undefined
}

/** The commands of a block: a line each, or joined by `&&`; a backslash continues a line. */
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
 * @throws Error where it has an option that this does not know.
 */
export function readCurl([, ...words]: Command): CurlRequest {
  const request: CurlRequest & { urls: string[] } = {
    url: new URL('http://localhost'),
    urls: [],
    method: '',
    headers: {},
    body: undefined,
  }
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const value = () => words[++at] ?? ''
    if (word === '-s') continue
    else if (word === '-d') request.body = value()
    else if (word === '-X') request.method = value()
    else if (word === '-H') addHeader(request.headers, value())
    else if (word.startsWith('-')) throw new Error(`curl with an option not known here: ${word}`)
    else request.urls.push(word)
  }
  const [url, ...more] = request.urls
  if (url === undefined || more.length > 0)
    throw new Error(`curl with not one URL: ${words.join(' ')}`)
  if (request.body !== undefined) request.headers['content-type'] ??= FORM
  const method = request.method || (request.body === undefined ? 'GET' : 'POST')
  return { url: new URL(url), method, headers: request.headers, body: request.body }
}

/** What curl says of a body, where the command line does not. */
const FORM = 'application/x-www-form-urlencoded'

function addHeader(headers: Record<string, string>, header: string): void {
  const [name = '', value = ''] = header.split(/:\s*/)
  headers[name.toLowerCase()] = value
}
