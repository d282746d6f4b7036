import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { codesIn, root, tableOf } from '../helpers/docs.js'

const { rows } = tableOf('SECURITY.md', 'Attacker and target')

it.each(rows)('SECURITY.md: %s: the defence has tests', (_, defence = '', tests = '') => {
  const files = codesIn(tests)
  // Only a line without a defence has no test.
  expect(files.length > 0).toBe(!defence.startsWith('None:'))
  for (const file of files) {
    expect(file).toMatch(
      /^test\/(unit|integration|chaos|browser)\/.*\.test\.ts$|^test\/contract\/\w+\.ts$/,
    )
    expect(existsSync(path.join(root, file)), file).toBe(true)
  }
})

it('npm run test:security runs these tests', () => {
  const script = path.join(root, 'test/security-tests.js')
  const printed = execFileSync('node', [script], { encoding: 'utf8' }).trim().split('\n')
  const named = rows.flatMap(([, , tests = '']) => codesIn(tests))
  const own = named.filter((file) => !file.startsWith('test/contract/'))
  expect(printed).toEqual([...new Set([...own, 'test/integration/engine-contract.test.ts'])].sort())
})
