import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  anchorsOf,
  codesIn,
  linksOf,
  PAGES,
  readText,
  root,
  withoutBlocks,
} from '../helpers/docs.js'

const MANIFEST: { files: string[] } = JSON.parse(readText('package.json'))
/** npm always packs the last three. */
const PACKED = [...MANIFEST.files, 'package.json', 'README.md', 'LICENSE']
const isPacked = (file: string) =>
  PACKED.some((entry) => file === entry || file.startsWith(`${entry}/`))

/** A path of this repository in backquotes. */
const OWN_PATH = /^(?:src|middleware|examples|test|docs|\.ci)\/[\w./-]+$/

describe.each(PAGES)('%s', (page) => {
  it('links to files and headings that exist', () => {
    for (const { link, file, anchor } of linksOf(page)) {
      expect(existsSync(path.join(root, file)), link).toBe(true)
      if (anchor) expect(anchorsOf(file), link).toContain(anchor)
    }
  })

  it('names only paths that exist', () => {
    const names = codesIn(withoutBlocks(page)).filter((code) => OWN_PATH.test(code))
    for (const name of names) expect(existsSync(path.join(root, name)), name).toBe(true)
  })
})

it('README.md links only to packed files', () => {
  for (const { link, file } of linksOf('README.md')) expect(isPacked(file), link).toBe(true)
})

it('docs/index.md lists every packed page', () => {
  const listed = new Set(linksOf('docs/index.md').map(({ file }) => file))
  const pages = PAGES.filter((page) => isPacked(page) && page !== 'docs/index.md')
  expect([...listed].sort()).toEqual(pages.sort())
})
