import { readFileSync } from 'node:fs'

/**
 * Returns the text of a file of an agent, such as `python/agent.py`. This version reads the file
 * from the repository. In `dist`, the build replaces this module with a module that contains the
 * texts (see `embed-sources.js`), because a bundler includes modules, but no files that a module
 * reads.
 */
export function agentSource(part: string): string {
  return readFileSync(new URL(`./${part}`, import.meta.url), 'utf8')
}
