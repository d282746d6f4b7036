import { SandboxError } from '../src/errors.js'

/** The client's mistake: 400. */
export function invalid(message: string, cause?: unknown): SandboxError {
  return new SandboxError('SANDBOX_UPLOAD_INVALID', `upload: ${message}`, { cause })
}

/** Past a limit: 413. */
export function tooLarge(message: string): SandboxError {
  return new SandboxError('SANDBOX_UPLOAD_TOO_LARGE', `upload: ${message}`)
}

/** It stalls, or is slower than a sandbox can wait for: 408. */
export function uploadTimeout(stallTimeoutMs: number, minBytesPerSecond: number): SandboxError {
  return new SandboxError(
    'SANDBOX_UPLOAD_TIMEOUT',
    `upload: the client let the sandbox wait for ${stallTimeoutMs} ms`,
    { suggestion: `Send at least ${minBytesPerSecond} bytes a second` },
  )
}

export function isUploadError(error: unknown): boolean {
  return error instanceof SandboxError && error.code.startsWith('SANDBOX_UPLOAD_')
}
