// Prints the test files that the table of SECURITY.md names, for `npm run test:security`.
import { readFileSync } from 'node:fs'

const text = readFileSync(new URL('../SECURITY.md', import.meta.url), 'utf8')
const named = Array.from(text.matchAll(/`(test\/[\w/.-]+\.ts)`/g), ([, file]) => file)
// The files of the contract have no tests of their own.
const files = named.map((file) =>
  file.startsWith('test/contract/') ? 'test/integration/engine-contract.test.ts' : file,
)
console.log([...new Set(files)].toSorted((a, b) => (a < b ? -1 : 1)).join('\n'))
