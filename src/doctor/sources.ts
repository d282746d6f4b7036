import { readFileSync } from 'node:fs'

/** The programs that measure a sandbox from the inside, by the language of its agent. */
export type ProbeSources = Readonly<Record<'python' | 'nodejs', string>>

/**
 * Returns the programs that measure a sandbox from the inside. This module reads the files of the
 * repository. The build replaces it in `dist` with a module that holds the texts, as it does for the
 * agents (`src/agent/embed-sources.js`).
 */
export function probeSources(): ProbeSources {
  const textOf = (file: string) =>
    readFileSync(new URL(`./inside/${file}`, import.meta.url), 'utf8')
  return { python: textOf('probe.py'), nodejs: textOf('probe.cjs') }
}
