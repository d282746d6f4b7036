// A step of the build: `node src/agent/embed-sources.js dist` writes a module with the texts of the
// agents' files to `dist/src/agent/sources.js`, and another with those of the doctor to
// `dist/src/doctor/sources.js`. They replace the compiled `sources.ts`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const [, , out = 'dist'] = process.argv

function textsOf(agent) {
  const folder = new URL(`./${agent}/`, import.meta.url)
  const names = readdirSync(folder).filter((name) => /\.(?:py|cjs)$/.test(name))
  return Object.fromEntries(
    names.sort().map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
  )
}

const texts = { python: textsOf('python'), nodejs: textsOf('nodejs') }
const module = `const TEXTS = ${JSON.stringify(texts, undefined, 2)}

export function agentSources(agent) {
  return TEXTS[agent]
}
`
writeFileSync(resolve(out, 'src/agent/sources.js'), module)

const probeOf = (file) => readFileSync(new URL(`../doctor/inside/${file}`, import.meta.url), 'utf8')
const probes = { python: probeOf('probe.py'), nodejs: probeOf('probe.cjs') }
const doctor = `const TEXTS = ${JSON.stringify(probes, undefined, 2)}

export function probeSources() {
  return TEXTS
}
`
writeFileSync(resolve(out, 'src/doctor/sources.js'), doctor)
