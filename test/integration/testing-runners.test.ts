import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Block } from '../helpers/docs.js'
import { blocksOf, kindOf, root } from '../helpers/docs.js'
import { DocsProject } from '../helpers/docs-project.js'

const blocks = blocksOf('docs/testing.md').filter(({ language }) => language === 'ts')
const ofVitest = blocks.find((block) => kindOf(block) === 'vitest')
const ofNode = blocks.find(({ text }) => text.includes("from 'node:test'"))
const VITEST = path.join(root, 'node_modules/vitest/vitest.mjs')

let project: DocsProject
/** The folder of an app outside this repository, because vitest leaves out `node_modules`. */
let folder: string
beforeAll(async () => {
  project = await DocsProject.create()
  folder = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-testing-'))
  mkdirSync(path.join(folder, 'node_modules'))
  for (const name of ['hono', 'vitest'])
    symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name))
  symlinkSync(project.library, path.join(folder, 'node_modules/hono-sandbox'))
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  expect(await project.compile(blocks)).toBe('')
}, 60_000)
afterAll(() => {
  project.remove()
  rmSync(folder, { recursive: true })
})

const RUNNERS = [
  {
    name: 'vitest',
    block: ofVitest,
    args: [VITEST, 'run', '--root', '.'],
    change: '6 * 7',
    passes: 4,
  },
  { name: 'node:test', block: ofNode, args: ['--test'], change: 'while True: pass', passes: 2 },
]

describe.each(RUNNERS)('the test file of the docs for $name', ({ block, args, change, passes }) => {
  it('passes', { timeout: 60_000 }, async () => {
    const { code, output } = await run(block, args, (text) => text)
    expect(output).toMatch(new RegExp(`(?:Tests +|pass )${passes}\\b`))
    expect(code).toBe(0)
  })

  it('fails if a script is missing', { timeout: 60_000 }, async () => {
    const withoutScript = (text: string) => text.replace(`onCode('${change}'`, `onCode('other'`)
    const { code, output } = await run(block, args, withoutScript)
    expect(output).toContain(`no script answers this python code: "${change}"`)
    expect(code).toBe(1)
  })
})

/** Runs a changed test file. Returns the exit code and the output without colours. */
async function run(block: Block | undefined, args: string[], change: (text: string) => string) {
  if (!block) throw new Error('docs/testing.md has no test file for this runner')
  const text = await readFile(project.programOf(block), 'utf8')
  writeFileSync(path.join(folder, 'app.test.js'), change(text))
  const env = { ...process.env, NO_COLOR: '1', NODE_TEST_CONTEXT: undefined, VITEST: undefined }
  const child = promisify(execFile)(process.execPath, args, { cwd: folder, env })
  const { stdout, stderr } = await child.catch((error: { stdout: string; stderr: string }) => error)
  return { code: child.child.exitCode, output: stdout + stderr }
}
