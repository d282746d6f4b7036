import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { compile } from '../helpers/build.js'
import type { Block } from '../helpers/docs.js'
import { blocksOf, examplesInSources, kindOf, needsSdk } from '../helpers/docs.js'
import { DocsProgram, freePort, withPort } from '../helpers/docs-program.js'

const blocks = [...blocksOf('docs/adapters.md'), ...examplesInSources()].filter(
  ({ where, language }) => language === 'ts' && needsSdk(where),
)
/** Whether a program needs an image of the reader. It is only compiled. */
const needsImage = ({ text }: Block) => text.includes("image: 'my-")
const servers = blocks.filter((block) => kindOf(block) === 'server' && !needsImage(block))
const scripts = blocks.filter((block) => kindOf(block) === 'script')

let folder = ''
const nameOf = ({ where }: Block) => where.replaceAll(/\W/g, '-')
const models = pathToFileURL(path.join(import.meta.dirname, 'scripted-models.ts')).href
const env = { NODE_OPTIONS: `--import=${models}`, SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '1' }
const programOf = (block: Block) => path.join(folder, 'out', `${nameOf(block)}.js`)

/** A package that is too large for these tests. Its harness is the scripted one. */
function addPi(): void {
  const pi = path.join(folder, 'node_modules/@ai-sdk/harness-pi')
  mkdirSync(pi, { recursive: true })
  writeFileSync(path.join(pi, 'package.json'), '{ "type": "module", "main": "index.js" }')
  const harness = path.join(import.meta.dirname, 'scripted-harness.ts')
  writeFileSync(
    path.join(pi, 'index.js'),
    `export { scriptedHarness as pi } from ${JSON.stringify(pathToFileURL(harness).href)}\n`,
  )
  writeFileSync(
    path.join(pi, 'index.d.ts'),
    "import type { HarnessV1 } from '@ai-sdk/harness'\nexport declare const pi: HarnessV1\n",
  )
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(import.meta.dirname, 'page-'))
  addPi()
  for (const block of blocks) {
    // Empty lines before the block, so that an error has the line number of the page.
    const text = '\n'.repeat(Number(block.where.split(':').at(-1)) - 1) + block.text
    writeFileSync(path.join(folder, `${nameOf(block)}.ts`), `${text}\nexport {}\n`)
  }
  const compilerOptions = { noEmit: false, rootDir: '.', outDir: 'out', declaration: false }
  const config = { extends: '../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  expect(await compile(['-p', folder])).toBe('')
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('a program of the page and the doc comments', () => {
  it('is a server or a script, and there are both', () => {
    expect([...servers, ...scripts].length).toBe(blocks.filter((each) => !needsImage(each)).length)
    expect(servers).not.toEqual([])
    expect(scripts).not.toEqual([])
  })

  it.each(servers)('the server of $where lets its agent calculate', async (block) => {
    const port = await freePort()
    const program = new DocsProgram(withPort(programOf(block), port), env)
    onTestFinished(async () => void (await program.end('SIGKILL')))
    await program.serving(port)
    const body = 'print(6 * 7)'
    const [, route = ''] = /\.post\('(.+?)'/.exec(block.text) ?? []
    const answer = await fetch(`http://localhost:${port}${route}`, { method: 'POST', body })
    const text = await answer.text()
    const { stderr } = await program.end('SIGUSR2')
    expect(text, stderr).toContain('42')
    expect(answer.status).toBe(200)
  })

  it.each(scripts)('the script of $where runs', async (block) => {
    const exit = await new DocsProgram(programOf(block), env).ended
    expect(exit).toMatchObject({ exitCode: 0 })
  })
})
