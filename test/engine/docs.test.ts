import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Block } from '../helpers/docs.js'
import { blocksOf, examplesInSources, PAGES } from '../helpers/docs.js'
import { DocsProgram, freePort, withPort } from '../helpers/docs-program.js'
import { DocsProject } from '../helpers/docs-project.js'
import type { CurlRequest } from '../helpers/docs-shell.js'
import { commandsIn, readCurl } from '../helpers/docs-shell.js'

/** A server of a page: a block, or the code runner. With what the page asks of it, and is told. */
interface Server {
  where: string
  block: Block | undefined
  questions: { where: string; request: CurlRequest; answer: unknown }[]
}

/** A block that runs to its end. With what the page says that it prints. */
interface Script {
  where: string
  block: Block
  prints: string | undefined
}

const servers: Server[] = []
const scripts: Script[] = []
PAGES.forEach((page) => readPage(blocksOf(page)))
const examples = examplesInSources().map((block) => ({ where: block.where, block }))

function readPage(blocks: readonly Block[]): void {
  for (const [at, block] of blocks.entries()) {
    const { where, language, text } = block
    const next = blocks[at + 1]
    if (language === 'ts' && text.includes('serve(')) {
      servers.push({ where, block, questions: [] })
    } else if (language === 'ts') {
      const prints = next?.language === 'text' ? `${next.text}\n` : undefined
      scripts.push({ where, block, prints })
    } else if (/npm start|docker run/.test(text)) {
      servers.push({ where, block: undefined, questions: [] })
    } else if (text.startsWith('curl ')) {
      for (const command of commandsIn(text)) {
        if (next?.language !== 'json') throw new Error(`${where}: there is no answer to it`)
        const answer: unknown = JSON.parse(next.text)
        servers.at(-1)?.questions.push({ where, request: readCurl(command), answer })
      }
    }
  }
}

let project: DocsProject
beforeAll(async () => {
  project = await DocsProject.create()
  const blocks = [...servers, ...scripts, ...examples].flatMap(({ block }) => block ?? [])
  expect(await project.compile(blocks)).toBe('')
})
afterAll(() => project.remove())

describe('the server', () => {
  it.each(servers)('of $where answers what its page says', async ({ block, questions }) => {
    const port = await freePort()
    const runner = path.join(project.library, 'dist/examples/code-runner/main.js')
    const file = block ? withPort(project.programOf(block), port) : runner
    const program = new DocsProgram(file, { PORT: String(port) })
    onTestFinished(async () => void (await program.end('SIGKILL')))
    await program.serving(port)
    for (const { where, request, answer } of questions) {
      const { method, headers, body } = request
      const url = new URL(request.url)
      url.port = String(port)
      const response = await fetch(url, { method, headers, body })
      expect(response.status, where).toBe(200)
      expect(stable(await response.json()), where).toEqual(stable(answer))
    }
    const drains = !block || block.text.includes("'SIGTERM'")
    const ending = await program.end('SIGTERM')
    expect(ending).toMatchObject(drains ? { exitCode: 0 } : { signal: 'SIGTERM' })
  })

  it('is asked something wherever a page has curl', () => {
    const asked = servers.flatMap(({ questions }) => questions)
    const blocks = PAGES.flatMap(blocksOf)
    expect(asked).toHaveLength(blocks.filter(({ text }) => text.startsWith('curl ')).length)
    expect(asked).toHaveLength(blocks.filter(({ language }) => language === 'json').length)
  })
})

describe('the script', () => {
  it.each(scripts)('of $where prints what its page says', async ({ block, prints }) => {
    const ending = await new DocsProgram(project.programOf(block)).ended
    expect(ending.stderr.replaceAll(WARNING, '')).toBe('')
    expect(ending).toMatchObject({ exitCode: 0, stdout: prints ?? expect.any(String) })
  })

  it.each(examples)('of $where runs', async ({ block }) => {
    const ending = await new DocsProgram(project.programOf(block)).ended
    expect(ending.stderr.replaceAll(WARNING, '')).toBe('')
    expect(ending).toMatchObject({ exitCode: 0, signal: null })
  })
})

/** What a machine without gVisor is told. */
const WARNING = /^\(node:.*\n(?:\(Use.*\n)?/gm

const MEASURED = new Set(['durationMs', 'cpuMs', 'maxRssBytes'])
/** What is another on every machine, or in every run. */
const PLACE = new Set(['name', 'runtime', 'image'])

/** An answer without what differs from run to run; that it is there, and its type, stays. */
function stable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([key, field]) => {
    const differs = MEASURED.has(key) || PLACE.has(key)
    return [key, differs ? typeof field : stable(field)]
  })
  return Object.fromEntries(fields)
}
