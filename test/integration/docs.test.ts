import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Block } from '../helpers/docs.js'
import { blocksOf, examplesInSources, kindOf, needsSdk, PAGES } from '../helpers/docs.js'
import { Browser } from '../helpers/browser.js'
import { CONTENT_TYPES, formOf, readAnswer } from '../helpers/docs-answer.js'
import { DocsProgram, freePort, withPort } from '../helpers/docs-program.js'
import { DocsProject } from '../helpers/docs-project.js'
import type { CurlRequest } from '../helpers/docs-shell.js'
import { commandsIn, readCurl } from '../helpers/docs-shell.js'

/** A server of a page: a block, or the code runner. `uses` has the page's requests and scripts, in order. */
interface Server {
  where: string
  block: Block | undefined
  uses: (CurlExample | Script)[]
}

/** A request of a page by `curl`, and its answer. */
interface CurlExample {
  where: string
  request: CurlRequest
  answer: Block
}

/** A block that runs to its end: a script, or a client of a server. `prints` is the output on the page. */
interface Script {
  where: string
  block: Block
  prints: string | undefined
}

const ANSWERS: ReadonlySet<string> = new Set(['json', 'jsonl', 'text'])
const servers: Server[] = []
const scripts: Script[] = []
const pages = PAGES.filter((page) => !needsSdk(page))
pages.forEach((page) => readPage(blocksOf(page)))
const examples = examplesInSources()
  .filter(({ where }) => !needsSdk(where))
  .map((block) => ({ where: block.where, block }))

function readPage(blocks: readonly Block[]): void {
  let last: Server | undefined
  const begin = (server: Server) => servers.push((last = server))
  for (const [at, block] of blocks.entries()) {
    const { where, language, text } = block
    const next = blocks[at + 1]
    if (language === 'ts' && kindOf(block) === 'server') {
      begin({ where, block, uses: [] })
    } else if (language === 'ts' && kindOf(block) !== 'vitest') {
      const prints = next?.language === 'text' ? `${next.text}\n` : undefined
      const program = { where, block, prints }
      if (kindOf(block) === 'script') scripts.push(program)
      else if (last) last.uses.push(program)
      else throw new Error(`${where}: the block needs a server before it`)
    } else if (/npm start|docker run/.test(text)) {
      begin({ where, block: undefined, uses: [] })
    } else if (text.startsWith('curl ')) {
      for (const command of commandsIn(text)) {
        if (!next || !ANSWERS.has(next.language))
          throw new Error(`${where}: the block needs an answer after it`)
        if (!last) throw new Error(`${where}: the block needs a server before it`)
        last.uses.push({ where, request: readCurl(command), answer: next })
      }
    }
  }
}

let project: DocsProject
beforeAll(async () => {
  project = await DocsProject.create()
  const uses = servers.flatMap((server) => server.uses)
  const blocks = [...servers, ...uses, ...scripts, ...examples].flatMap((each) =>
    'block' in each && each.block ? each.block : [],
  )
  expect(await project.compile(blocks)).toBe('')
})
afterAll(() => project.remove())

describe('a server of the docs', () => {
  it.each(servers)(
    'the server of $where answers as its page says',
    async ({ where, block, uses }) => {
      const port = await freePort()
      const runner = path.join(project.library, 'dist/examples/code-runner/main.js')
      const file = block ? withPort(project.programOf(block), port) : runner
      const program = new DocsProgram(file, { ...runtimeOf(where), PORT: String(port) })
      onTestFinished(async () => void (await program.end('SIGKILL')))
      await program.serving(port)
      const jars = new Map<string, Browser>()
      for (const use of uses) {
        if ('request' in use) await expectAnswer(use, port, jars)
        else await expectPrints(use, withPort(project.programOf(use.block), port))
      }
      const drains = !block || block.text.includes("'SIGTERM'")
      const exit = await program.end('SIGTERM')
      expect(exit).toMatchObject(drains ? { exitCode: 0 } : { signal: 'SIGTERM' })
    },
  )

  it('each curl command and each JSON answer of a page is tested', () => {
    const uses = servers.flatMap((server) => server.uses)
    const answers = uses.flatMap((use) => ('request' in use ? use.answer : []))
    const blocks = pages.flatMap(blocksOf)
    expect(answers).toHaveLength(blocks.filter(({ text }) => text.startsWith('curl ')).length)
    for (const language of ['json', 'jsonl']) {
      const shown = blocks.filter((block) => block.language === language)
      expect(answers.filter((block) => block.language === language)).toHaveLength(shown.length)
    }
  })
})

describe('a script of the docs', () => {
  it.each(scripts)('the script of $where prints the output of its page', async (script) => {
    await expectPrints(script, project.programOf(script.block))
  })

  it.each(examples)('the example of $where runs', async ({ where, block }) => {
    await expectPrints({ where, block, prints: undefined }, project.programOf(block))
  })
})

async function expectAnswer(
  { where, request, answer }: CurlExample,
  port: number,
  jars: Map<string, Browser>,
): Promise<void> {
  const { method, headers, body, jar = where } = request
  const url = new URL(request.url)
  url.port = String(port)
  const session = jars.get(jar) ?? new Browser(url.origin)
  jars.set(jar, session)
  const response = await session.fetch(url, { method, headers, body })
  const text = await response.text()
  expect(response.status, `${where}: ${text}`).toBe(200)
  const form = formOf(answer)
  expect(response.headers.get('content-type'), where).toMatch(CONTENT_TYPES[form])
  expect(readAnswer(form, text), where).toEqual(readAnswer(form, answer.text))
}

async function expectPrints({ where, prints }: Script, file: string): Promise<void> {
  // Most programs need one container of each language.
  const exit = await new DocsProgram(file, { ...runtimeOf(where), SANDBOX_POOL_SIZE: '1' }).ended
  expect(exit.stderr.replaceAll(WARNING, ''), where).toBe('')
  expect(exit, where).toMatchObject({ exitCode: 0, stdout: prints ?? expect.any(String) })
}

/** The pages whose programs run under the runtime that the pool chooses. */
const WITH_OWN_RUNTIME = /^(?:README|docs\/writing-an-engine)\.md:/
/** All other programs run under runc, because a container starts in half the time there. */
const runtimeOf = (where: string): Record<string, string> =>
  WITH_OWN_RUNTIME.test(where) ? {} : { SANDBOX_RUNTIME: 'runc' }

/** The warning on a machine without gVisor. */
const WARNING = /^\(node:.*\n(?:\(Use.*\n)?/gm
