import path from 'node:path'
import { SandboxFileError } from '../../errors.js'
import type { WriteFileOptions } from '../../sandbox/files/options.js'
import type { Sandbox } from '../../sandbox/sandbox.js'
import type { Content } from '../../sandbox/streams/content.js'

/** Resolves to the result of a file call, or to `null` if its path does not exist. */
export async function nullIfMissing<T>(
  call: Promise<T>,
  missing: readonly string[] = ['ENOENT', 'ENOTDIR'],
): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SandboxFileError && missing.includes(error.errno)) return null
    throw error
  }
}

/** Writes a file, and makes the folders above it. */
export async function writeWithFolders(
  sandbox: Sandbox,
  file: string,
  content: Content,
  { mode, ...call }: Pick<WriteFileOptions, 'mode' | 'signal' | 'timeoutMs'> = {},
): Promise<void> {
  await sandbox.mkdir(path.posix.dirname(file), { ...call, recursive: true })
  await sandbox.writeFile(file, content, { ...call, mode })
}
