// Bundles the scripts and the style of the pages into the folder of the built example:
// `node build.js dist`.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const STYLES = 'colours base controls layout output editor notebook pool narrow'.split(' ')

const from = fileURLToPath(new URL('.', import.meta.url))
const to = path.resolve(process.argv[2] ?? 'dist', 'examples/code-runner/page')

await mkdir(to, { recursive: true })
for (const name of ['playground', 'pool']) {
  await build({
    input: path.join(from, `${name}.ts`),
    platform: 'browser',
    output: { file: path.join(to, `${name}.js`), format: 'esm', minify: true },
  })
}
const styles = STYLES.map((name) => readFile(path.join(from, 'style', `${name}.css`), 'utf8'))
await writeFile(path.join(to, 'style.css'), (await Promise.all(styles)).join(''))
await copyFile(path.join(from, 'icon.svg'), path.join(to, 'icon.svg'))
