import { readdirSync, readFileSync } from 'node:fs'

/**
 * The text of one of the agents' files, as in `python/agent.py`. This module reads the files of the
 * repository. The build replaces it in `dist` with a module that holds the texts
 * (`embed-sources.js`): a bundler keeps a module, but not a file that is read beside it.
 */
export function agentSource(part: string): string {
  return readFileSync(new URL(`./${part}`, import.meta.url), 'utf8')
}

/** The texts of all modules of an agent, by file name: those of the folder `nodejs` end with `.cjs`. */
export function agentSources(folder: string, extension: string): Record<string, string> {
  const names = readdirSync(new URL(`./${folder}`, import.meta.url)).sort()
  const modules = names.filter((name) => name.endsWith(extension))
  return Object.fromEntries(modules.map((name) => [name, agentSource(`${folder}/${name}`)]))
}
