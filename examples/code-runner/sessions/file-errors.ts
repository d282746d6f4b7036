import { SandboxFileError } from 'hono-sandbox'
import type { RefusedStatus } from '../requests/refusal.js'
import { Refusal } from '../requests/refusal.js'

type FileRefusal = readonly [status: RefusedStatus, code: string, message: string]

const MISSING: FileRefusal = [404, 'FILE_NOT_FOUND', 'the session has no such file']
const NO_FILE: FileRefusal = [400, 'BAD_REQUEST', 'the path: expected a regular file']
const FULL: FileRefusal = [413, 'NO_SPACE', 'the files of the session take too much space']
const TOO_MANY: FileRefusal = [413, 'TOO_MANY_FILES', 'the session has too many files to list them']
const FORBIDDEN: FileRefusal = [403, 'FILE_FORBIDDEN', 'the session must not access this file']

const REFUSALS: Readonly<Record<string, FileRefusal>> = {
  ENOENT: MISSING,
  ENOTDIR: MISSING,
  EISDIR: NO_FILE,
  EEXIST: NO_FILE,
  EINVAL: NO_FILE,
  ELOOP: NO_FILE,
  ENAMETOOLONG: NO_FILE,
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: TOO_MANY,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
}

/** Runs a call about files. Its errors become refusals, which do not quote the path. */
export async function withFileErrors<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof SandboxFileError)) throw error
    // The reason that an upload has failed, for example that the client stalls.
    if (error.cause instanceof Refusal) throw error.cause
    const refusal = REFUSALS[error.errno]
    throw refusal ? new Refusal(...refusal) : error
  }
}

/** The file of a session that is not open. */
export function noFile(): Refusal {
  return new Refusal(...MISSING)
}
