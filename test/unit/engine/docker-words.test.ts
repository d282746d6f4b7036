import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { readText, root } from '../../helpers/docs.js'

/**
 * The rooms of the engines, and what they share about gVisor; set-up, which installs Docker and gVisor and prints texts about both; and the
 * test pool, which stands for an engine with both runtimes.
 */
const ALLOWED = [
  'src/engine/docker/',
  'src/engine/kubernetes/',
  'src/engine/gvisor.ts',
  'src/cli/',
  'src/testing/',
]
const RUNTIMES = /\brunsc\b|\brunc\b|gvisor/i

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*\*.*?\*\//gs, '').replaceAll(/\/\/ .*/g, '')
}

it('the sources name the runtimes of Docker only in the engines and in set-up', () => {
  const files = ['src', 'middleware'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.join(folder, name)),
  )
  const filesWithNames = files.filter((name) => RUNTIMES.test(withoutComments(readText(name))))
  expect(filesWithNames).not.toEqual([])
  const elsewhere = filesWithNames.filter(
    (name) => !ALLOWED.some((folder) => name.startsWith(folder)),
  )
  expect(elsewhere).toEqual([])
})
