import { SandboxError } from '../src/errors.js'

/** The client's mistake: 400. */
export function invalid(message: string, cause?: unknown): SandboxError {
  return new SandboxError('SANDBOX_UPLOAD_INVALID', `upload: ${message}`, { cause })
}

/** Past a limit: 413. */
export function tooLarge(message: string): SandboxError {
  return new SandboxError('SANDBOX_UPLOAD_TOO_LARGE', `upload: ${message}`)
}

export function isUploadError(error: unknown): boolean {
  return error instanceof SandboxError && error.code.startsWith('SANDBOX_UPLOAD_')
}
