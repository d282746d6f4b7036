import { readdirSync, readFileSync } from 'node:fs'

/**
 * The text of one of the agents' files, as in `python/agent.py`. This reads the repository's own file.
 * The build replaces this module in `dist` with one that holds the texts (`embed-sources.js`): a
 * bundler keeps a module, but not a file that is read beside it.
 */
export function agentSource(part: string): string {
  return readFileSync(new URL(`./${part}`, import.meta.url), 'utf8')
}

/** The names of an agent's files, as in `python/agent.py`: those that are in a folder of this one. */
export function agentFiles(folder: string): string[] {
  const names = readdirSync(new URL(`./${folder}/`, import.meta.url))
  return names
    .filter((name) => /\.(?:py|cjs)$/.test(name))
    .sort()
    .map((name) => `${folder}/${name}`)
}
