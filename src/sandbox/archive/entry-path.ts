import { refusedEntry } from './archive-errors.js'

/** The limits of Linux, in bytes: longer names and paths cannot exist. */
const MAX_NAME_BYTES = 255
const MAX_PATH_BYTES = 4000
const WORKSPACE = '/workspace'

/**
 * Returns the path of an entry in the workspace, without empty parts and `.`. It is empty for the
 * workspace itself.
 *
 * @throws SandboxError `SANDBOX_ARCHIVE_REFUSED` if the name leads out of the workspace, or if no
 * file can have it.
 */
export function pathOfEntry(name: string): string {
  if (name.startsWith('/')) throw refusedEntry(name, 'has an absolute name')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refusedEntry(name, "has a name with '..'")
  if (name.includes('\0')) throw refusedEntry(name, 'has a name with NUL')
  const path = parts.join('/')
  const isLong = parts.some((part) => lengthOf(part) > MAX_NAME_BYTES)
  if (isLong || lengthOf(path) > MAX_PATH_BYTES) {
    throw refusedEntry(name, 'has a name that is too long')
  }
  return path
}

/** Returns the length of a path in bytes. A byte that is not UTF-8 is a lone surrogate. */
function lengthOf(path: string): number {
  return Buffer.byteLength(path) - 2 * (path.match(/\p{Surrogate}/gu)?.length ?? 0)
}

/** Whether a folder has a path so long that a listing may lack its content. */
export function isTooDeep(folder: string): boolean {
  return lengthOf(folder) > MAX_PATH_BYTES - MAX_NAME_BYTES
}

/**
 * Whether the target of a symbolic link at `path` is inside the workspace. `..` counts only at the
 * beginning of a target: after a name it would depend on what the name is, because the name can be
 * a link itself.
 */
export function staysInside(path: string, target: string): boolean {
  const isAbsolute = target.startsWith('/')
  if (isAbsolute && target !== WORKSPACE && !target.startsWith(`${WORKSPACE}/`)) return false
  const below = isAbsolute ? target.slice(WORKSPACE.length) : target
  const parts = below.split('/').filter((part) => part !== '' && part !== '.')
  const firstName = parts.findIndex((part) => part !== '..')
  const ups = firstName === -1 ? parts.length : firstName
  if (parts.includes('..', ups)) return false
  const depth = isAbsolute ? 0 : path.split('/').length - 1
  return target !== '' && !target.includes('\0') && ups <= depth
}
