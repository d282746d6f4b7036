import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root folder of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The tested pages: the Markdown files in the root folder and in `docs`. */
export const PAGES = [
  ...readdirSync(root),
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((name) => path.join('docs', name))
    .sort(),
].filter((name) => name.endsWith('.md'))

/** Whether a program at this place needs the packages of `test/adapters`: only its tests check it. */
export function needsSdk(where: string): boolean {
  return /^(?:docs\/adapters\.md\b|src\/adapters\/)/.test(where)
}

/** The address in each program that uses a server of the docs. */
const ADDRESS = /\b(?:http|ws):\/\/localhost:3000\b/

/**
 * Returns the kind of a `ts` block: a server, a client of the server before it, a test file that only
 * vitest runs, or a script.
 */
export function kindOf({ text }: Block): 'server' | 'client' | 'vitest' | 'script' {
  if (text.includes("from 'vitest'")) return 'vitest'
  if (text.includes('serve(')) return 'server'
  return ADDRESS.test(text) ? 'client' : 'script'
}

/** A fenced code block of a page, or an `@example` of a doc comment. */
export interface Block {
  /** `README.md:42`, for messages. */
  where: string
  language: string
  text: string
}

/** A table of a page: the cells of its header and of its rows. */
export interface Table {
  header: readonly string[]
  rows: readonly (readonly string[])[]
}

export function readText(name: string): string {
  return readFileSync(path.join(root, name), 'utf8')
}

/** Returns all fenced blocks of a text, in order. */
function blocksIn(text: string, name: string): Block[] {
  const blocks: Block[] = []
  let open: { at: number; language: string } | undefined
  const lines = text.split('\n')
  for (const [at, line] of lines.entries()) {
    const fence = /^```(.*)$/.exec(line)?.[1]
    if (fence === undefined) continue
    if (open) {
      const body = lines.slice(open.at + 1, at).join('\n')
      blocks.push({ where: `${name}:${open.at + 2}`, language: open.language, text: body })
      open = undefined
    } else {
      open = { at, language: fence }
    }
  }
  if (open) throw new Error(`${name}:${open.at + 1}: the fence is not closed`)
  return blocks
}

/** Returns all fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  return blocksIn(readText(page), page)
}

/** Returns all blocks in the doc comments of the sources. */
export function examplesInSources(): Block[] {
  return sources().flatMap(({ name, text }) => {
    // Code is replaced by empty lines, so that the line numbers of the file do not change.
    const comments = text.split('\n').map((line) => /^\s*\* ?(.*)$/.exec(line)?.[1] ?? '')
    return blocksIn(comments.join('\n'), name)
  })
}

/** Returns the text of the doc comment of an exported value. */
export function commentOf(value: string): string {
  const comment = new RegExp(
    `/\\*\\*((?:(?!\\*/).)*)\\*/\nexport (?:async )?(?:function\\*?|class|const) ${value}\\b`,
    's',
  )
  return find(comment, value)
}

/** Returns the names of the own fields of an interface. */
export function fieldsOf(name: string): string[] {
  return [...defaultsOf(name).keys()]
}

/** Returns the own fields of an interface, with the `@default` of their comments. */
export function defaultsOf(name: string): Map<string, string> {
  const body = find(new RegExp(`interface ${name}\\b[^{]*\\{\n(.*?)\n\\}`, 's'), name)
  const defaults = new Map<string, string>()
  let end = 0
  for (const { 0: line, 1: field = '', index } of body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)) {
    const [, value = ''] = /@default (.*)/.exec(body.slice(end, index)) ?? []
    defaults.set(field, value)
    end = index + line.length
  }
  return defaults
}

/** Returns the literals of a union type, or those of one property of its members. */
export function membersOf(name: string, property?: string): string[] {
  const text = find(new RegExp(`type ${name} =\n((?: {2}.*\n)+)`), name)
  const body = text.replaceAll(/\/\*\*.*?\*\//gs, '')
  const parts = property
    ? [...body.matchAll(new RegExp(`\\b${property}: ([^;}\\n]+)`, 'g'))].map(([, text]) => text)
    : [body]
  return [...parts.join('\n').matchAll(/'([^']+)'/g)].map(([, member = '']) => member)
}

function sources(): { name: string; text: string }[] {
  const names = ['src', 'middleware'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.join(folder, name)),
  )
  return names.map((name) => ({ name, text: readText(name) }))
}

function find(pattern: RegExp, name: string): string {
  for (const { text } of sources()) {
    const found = pattern.exec(text)?.[1]
    if (found !== undefined) return found
  }
  throw new Error(`no source has ${name}`)
}

/** Returns all tables of a text, in order. */
function tablesIn(text: string): Table[] {
  const groups: string[][] = [[]]
  for (const line of text.split('\n')) {
    if (line.startsWith('|')) groups.at(-1)?.push(line)
    else groups.push([])
  }
  return groups
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const [header = [], , ...rows] = lines.map(cellsOf)
      return { header, rows }
    })
}

/** Returns the table of a page whose first header is `header`. */
export function tableOf(page: string, header: string): Table {
  const found = tablesIn(readText(page)).find((table) => table.header[0] === header)
  if (!found) throw new Error(`${page} has no table that begins with ${header}`)
  return found
}

function cellsOf(line: string): string[] {
  const cells = line.split('|').slice(1, -1)
  return cells.map((cell) => cell.trim())
}

/** A relative link of a page: the link itself, the path of the file, and the anchor in the file. */
export interface Link {
  link: string
  file: string
  anchor: string
}

/** Returns the links of a page to files of this repository and to its own headings. */
export function linksOf(page: string): Link[] {
  const links = [...withoutBlocks(page).matchAll(/\]\(([^)\s]+)\)/g)]
  return links
    .map(([, link = '']) => link)
    .filter((link) => !link.startsWith('https:'))
    .map((link) => {
      const [name = '', anchor = ''] = link.split('#')
      return { link, file: name ? path.join(path.dirname(page), name) : page, anchor }
    })
}

/** Returns the anchors of the headings of a page, as GitHub makes them. */
export function anchorsOf(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

/** Returns the text of a page without its fenced blocks. */
export function withoutBlocks(page: string): string {
  return readText(page).replaceAll(/^```.*?^```$/gms, '')
}

/** Returns the parts of a text between backquotes. */
export function codesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}
