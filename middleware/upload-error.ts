import { SandboxError } from '../src/errors.js'

/** Returns the error for an upload that is not valid. Its HTTP status is 400. */
export function invalid(message: string, cause?: unknown): SandboxError {
  return new SandboxError('SANDBOX_UPLOAD_INVALID', `upload: ${message}`, { cause })
}

/** Returns the error for an upload that exceeds a limit. Its HTTP status is 413. */
export function tooLarge(message: string): SandboxError {
  return new SandboxError('SANDBOX_UPLOAD_TOO_LARGE', `upload: ${message}`)
}

/** Returns the error for an upload that stalls or is too slow. Its HTTP status is 408. */
export function uploadTimeout(stallTimeoutMs: number, minBytesPerSecond: number): SandboxError {
  return new SandboxError(
    'SANDBOX_UPLOAD_TIMEOUT',
    `upload: the client has stalled for ${stallTimeoutMs} ms`,
    { suggestion: `Send at least ${minBytesPerSecond} bytes per second` },
  )
}

/** Returns whether an error is one of the errors of this file. */
export function isUploadError(error: unknown): boolean {
  return error instanceof SandboxError && error.code.startsWith('SANDBOX_UPLOAD_')
}
