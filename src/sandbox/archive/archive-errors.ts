import { SandboxError } from '../../errors.js'

/** The longest part of a name in a message. A name can have 4,096 characters. */
const SHOWN_LENGTH = 100

/** Returns the error of an archive that is not accepted. `cause` is the error of a library. */
export function refused(problem: string, options: { cause?: unknown; suggestion?: string } = {}) {
  return new SandboxError('SANDBOX_ARCHIVE_REFUSED', `the archive is refused: ${problem}`, options)
}

/** Returns the error of an entry that is not accepted. */
export function refusedEntry(name: string, problem: string, cause?: unknown): SandboxError {
  const shown = name.length > SHOWN_LENGTH ? `${name.slice(0, SHOWN_LENGTH)}...` : name
  return refused(`its entry ${JSON.stringify(shown)} ${problem}`, { cause })
}

/** Returns the error of an archive that exceeds a limit. */
export function tooLarge(limit: string): SandboxError {
  const message = `the archive is too large: it has more than ${limit}`
  return new SandboxError('SANDBOX_ARCHIVE_TOO_LARGE', message)
}
