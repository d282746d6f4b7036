import { SandboxError, SandboxFileError } from '../../errors.js'
import type { DeepAgentsFileError } from './types.js'

/** Returns the error of a file or a pattern as a result for the model. Throws all other errors. */
export async function orError<T>(
  path: string,
  call: () => Promise<T>,
): Promise<T | { error: string }> {
  try {
    return await call()
  } catch (error) {
    if (!isOfModel(error)) throw error
    const isMissing = error instanceof SandboxFileError && error.errno === 'ENOENT'
    return { error: isMissing ? `File '${path}' not found` : error.message }
  }
}

const OF_MODEL: ReadonlySet<string> = new Set(['SANDBOX_FILE_FAILED', 'SANDBOX_INVALID_OPTION'])

/** Whether the model has caused the error, by the name of a file or a pattern. */
function isOfModel(error: unknown): error is SandboxError {
  return error instanceof SandboxError && OF_MODEL.has(error.code)
}

const CODES: Readonly<Record<string, DeepAgentsFileError>> = {
  ENOENT: 'file_not_found',
  EACCES: 'permission_denied',
  EISDIR: 'is_directory',
}

/** Resolves to the code of the error of a file, or to `null` if there is none. */
export async function errorOf(call: Promise<unknown>): Promise<DeepAgentsFileError | null> {
  try {
    await call
    return null
  } catch (error) {
    if (!isOfModel(error)) throw error
    const code = error instanceof SandboxFileError ? CODES[error.errno] : undefined
    return code ?? 'invalid_path'
  }
}
