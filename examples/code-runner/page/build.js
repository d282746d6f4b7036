// Bundles the scripts of the pages into the folder of the built example: `node build.js dist`.
import { copyFile, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'rolldown'

const [dist = 'dist'] = process.argv.slice(2)
const from = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname)
const to = path.resolve(dist, 'examples/code-runner/page')

await mkdir(to, { recursive: true })
for (const name of ['playground', 'pool']) {
  await build({
    input: path.join(from, `${name}.ts`),
    platform: 'browser',
    output: { file: path.join(to, `${name}.js`), format: 'esm', minify: true },
  })
}
for (const name of ['style.css', 'icon.svg'])
  await copyFile(path.join(from, name), path.join(to, name))
