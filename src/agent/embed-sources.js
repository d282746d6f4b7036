// A step of the build: `node src/agent/embed-sources.js dist` writes the texts of the agents' files into
// `dist/src/agent/sources.js`, in place of what the compiler made of `sources.ts`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const [, , out = 'dist'] = process.argv
const agents = new URL('./', import.meta.url)
const parts = ['python', 'nodejs'].flatMap((agent) =>
  readdirSync(new URL(agent, agents))
    .filter((name) => /\.(?:py|cjs)$/.test(name))
    .sort()
    .map((name) => `${agent}/${name}`),
)
const texts = Object.fromEntries(
  parts.map((part) => [part, readFileSync(new URL(part, agents), 'utf8')]),
)

const module = `const TEXTS = ${JSON.stringify(texts, undefined, 2)}

export function agentSource(part) {
  const text = TEXTS[part]
  if (text === undefined) throw new Error(\`the build has no agent file \${part}\`)
  return text
}

export function agentFiles(folder) {
  return Object.keys(TEXTS).filter((part) => part.startsWith(folder + '/'))
}
`
writeFileSync(resolve(out, 'src/agent/sources.js'), module)
