// A step of `npm run lint`: checks the names, the imports and the format of the Python that runs in
// containers.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PositionEncoding, Workspace } from '@astral-sh/ruff-wasm-nodejs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folders = ['src/agent/python', 'src/doctor/inside'].map((name) => join(root, name))
const settings = {
  'line-length': 100,
  format: { 'quote-style': 'single' },
  // Pyflakes, unsorted imports, long lines, and `noqa` comments that are not needed.
  lint: { select: ['F', 'I', 'E501', 'RUF100'] },
}
const ruff = new Workspace(settings, PositionEncoding.Utf32)

const problems = folders
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((path) => path.endsWith('.py'))
  .flatMap((path) => {
    const text = readFileSync(path, 'utf8')
    const found = ruff.check(text).map(({ code, message, start_location: { row, column } }) => {
      return `${relative(root, path)}:${row}:${column} ${code ?? 'syntax'} ${message}`
    })
    const isFormatted = found.length > 0 || ruff.format(text) === text
    return isFormatted ? found : [`${relative(root, path)} is not formatted as ruff formats it`]
  })

for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
