import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { compile } from '../helpers/build.js'
import { blocksOf, SDK_PAGE } from '../helpers/docs.js'

const folder = mkdtempSync(path.join(import.meta.dirname, 'page-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('the programs of the page compile against the packages of the SDKs', async () => {
  const blocks = blocksOf(SDK_PAGE).filter(({ language }) => language === 'ts')
  expect(blocks).not.toEqual([])
  for (const { where, text } of blocks) {
    const line = Number(where.split(':').at(-1))
    // Empty lines before the block, so that an error has the line number of the page.
    writeFileSync(path.join(folder, `${line}.ts`), `${'\n'.repeat(line - 1)}${text}\nexport {}\n`)
  }
  const config = { extends: '../tsconfig.json', include: ['.'] }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  expect(await compile(['-p', folder])).toBe('')
})
