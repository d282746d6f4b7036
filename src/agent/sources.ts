import { readdirSync, readFileSync } from 'node:fs'

/**
 * Returns the texts of all files of an agent, by file name, as `agent.py`. This module reads the files
 * of the repository. The build replaces it in `dist` with a module that holds the texts
 * (`embed-sources.js`): a bundler keeps a module, but not a file that is read beside it.
 */
export function agentSources(agent: 'python' | 'nodejs'): Readonly<Record<string, string>> {
  const folder = new URL(`./${agent}/`, import.meta.url)
  const names = readdirSync(folder).filter((name) => /\.(?:py|cjs)$/.test(name))
  return Object.fromEntries(
    names.sort().map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
  )
}
