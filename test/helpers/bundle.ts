import path from 'node:path'
import { build } from 'rolldown'
import { root } from './docs.js'

const ENTRY = 'entry'
const CLIENT = path.join(root, 'src/client/index.ts')

/**
 * Returns the minified script of a page that uses exports of a module: `*`, or a list such as
 * `{ readEvents }`. The script has them in its variable `client`.
 */
export async function bundleOf(exports: string, module = CLIENT): Promise<string> {
  const code = `export ${exports} from ${JSON.stringify(module)}`
  const entry = {
    name: ENTRY,
    resolveId: (id: string) => (id === ENTRY ? id : undefined),
    load: (id: string) => (id === ENTRY ? code : undefined),
  }
  const { output } = await build({
    input: ENTRY,
    platform: 'browser',
    plugins: [entry],
    output: { format: 'iife', name: 'client', minify: true },
    write: false,
  })
  return output[0].code
}
