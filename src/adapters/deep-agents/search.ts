import path from 'node:path'
import type { FileEntry } from '../../sandbox/files/entry.js'
import { matcherOf } from '../../sandbox/files/glob.js'
import type { ProgramOptions } from '../../sandbox/program/options.js'
import type { Sandbox } from '../../sandbox/sandbox.js'
import type { DeepAgentsBackend, DeepAgentsFile, DeepAgentsMatch } from './types.js'

/** Returns the folder to search. If the model names no folder, the tools of the agent pass `/`. */
function rootOf(folder: string | null | undefined): string {
  return path.posix.resolve('/workspace', folder === '/' ? '' : (folder ?? ''))
}

/** Describes an entry of a listing. Its path begins with that of the folder, if there is one. */
export function describe(entry: FileEntry, folder?: string): DeepAgentsFile {
  const is_dir = entry.type === 'directory'
  const name = folder === undefined ? entry.path : path.posix.join(folder, entry.path)
  return {
    path: is_dir && folder !== undefined ? `${name}/` : name,
    is_dir,
    size: entry.size,
    modified_at: new Date(entry.mtimeMs).toISOString(),
  }
}

/**
 * Searches for entries whose path matches the pattern: the path relative to the folder, or the
 * absolute path. The paths in the result are relative to the folder, as the other backends of the
 * SDK return them.
 */
export async function glob(
  sandbox: Sandbox,
  pattern: string,
  folder: string | undefined,
): ReturnType<DeepAgentsBackend['glob']> {
  const root = rootOf(folder)
  const isWanted = matcherOf([pattern])
  const whole = (name: string) => path.posix.join(root, name).slice(1)
  const entries = await sandbox.listFiles(root, { recursive: true })
  const found = entries.filter((entry) => isWanted(entry.path) || isWanted(whole(entry.path)))
  return { files: found.map((entry) => describe(entry)) }
}

/** A search for a text. */
interface Search {
  text: string
  folder: string | null | undefined
  /** The pattern for the names of the files. Without a pattern, all files are searched. */
  names: string | null | undefined
  /** The greatest number of matches. */
  max: number | null | undefined
}

/** Searches for a text in the files of a folder, or in one file. */
export async function grep(
  sandbox: Sandbox,
  { text, folder, names, max }: Search,
  options: Pick<ProgramOptions, 'signal' | 'timeoutMs'>,
): ReturnType<DeepAgentsBackend['grep']> {
  const root = rootOf(folder)
  // `find` chooses the files, because `grep` of a small image cannot. `find` accepts only plain
  // patterns.
  const isPlain = !names || /^[\w.*?-]+$/.test(names)
  const isWanted = isPlain ? () => true : matcherOf([names])
  const files = ['find', root, '-type', 'f', ...(names && isPlain ? ['-name', names] : [])]
  const search = ['-exec', 'grep', '-HnF', '-e', text, '{}', '+']
  const { stdout, killedBy } = await sandbox.exec([...files, ...search], options)
  const found = stdout.split('\n').flatMap(matchOf)
  const matches = found.filter(
    (match) =>
      isWanted(path.posix.relative(root, match.path)) || isWanted(path.posix.basename(match.path)),
  )
  const most = max ?? matches.length
  const truncated = killedBy !== undefined || matches.length > most
  return { matches: matches.slice(0, most), truncated }
}

/**
 * Parses a line of `grep`. For a binary file, `grep` prints only that the file matches. The text of the
 * line can have characters that end a line for a regular expression, for example a carriage return.
 */
function matchOf(line: string): DeepAgentsMatch[] {
  const [, file, number, text] = /^(.+?):(\d+):(.*)$/s.exec(line) ?? []
  if (file === undefined || text === undefined) return []
  return [{ path: file, line: Number(number), text }]
}
