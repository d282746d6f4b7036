import { randomBytes } from 'node:crypto'
import { mkdir, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SandboxError } from '../errors.js'

/** The mode of a new file. */
const NEW_MODE = 0o644

/**
 * Replaces the whole text of a file, or creates the file. The text is written to a second file, which is
 * then renamed, so that the file always has either the old or the new text. It keeps its mode and its
 * owner. A symbolic link stays a link, and its target is replaced.
 *
 * @throws SandboxError `SANDBOX_SETUP_FAILED`. The file is not changed then.
 */
export async function rewrite(path: string, text: string): Promise<void> {
  try {
    const target = await targetOf(path)
    await mkdir(dirname(target), { recursive: true })
    const old = await stat(target).catch(unlessMissing)
    const aside = `${target}.${randomBytes(4).toString('hex')}.new`
    // Only this user can read it until it has its owner. The flag refuses an existing file or link.
    const file = await open(aside, 'wx', 0o600)
    try {
      try {
        await file.writeFile(text)
        if (old) await file.chown(old.uid, old.gid)
        await file.chmod(old ? old.mode & 0o7777 : NEW_MODE)
        // Without this, the disk could have the new name before it has the text.
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(aside, target)
    } catch (error) {
      await rm(aside, { force: true })
      throw error
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SandboxError('SANDBOX_SETUP_FAILED', `${path} cannot be written: ${reason}`, {
      cause,
      suggestion: 'Remove the cause, then run this command again. The file was left as it is',
    })
  }
}

async function targetOf(path: string): Promise<string> {
  const found = await realpath(path).catch(unlessMissing)
  if (found !== undefined) return found
  const link = await readlink(path).catch(() => undefined)
  // The engine cannot read a dangling link either, so the operator must repair it.
  if (link !== undefined) throw new Error(`it is a link to ${link}, which does not exist`)
  return path
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
