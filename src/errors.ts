/**
 * Every code a {@link SandboxError} can carry. Branch on the code, never on the message.
 *
 * The list is stable: a code is added, never renamed.
 */
export type SandboxErrorCode =
  | 'SANDBOX_ACQUIRE_ABORTED'
  | 'SANDBOX_ACQUIRE_TIMEOUT'
  | 'SANDBOX_AGENT_FAILED'
  | 'SANDBOX_CLOSED'
  | 'SANDBOX_CONTEXT_LOST'
  | 'SANDBOX_ENGINE_FAILED'
  | 'SANDBOX_ENGINE_UNAVAILABLE'
  | 'SANDBOX_FILE_FAILED'
  | 'SANDBOX_IMAGE_MISSING'
  | 'SANDBOX_INTERPRETER_MISSING'
  | 'SANDBOX_INVALID_OPTION'
  | 'SANDBOX_LEASE_ENDED'
  | 'SANDBOX_NOT_INITIALIZED'
  | 'SANDBOX_PRELOAD_FAILED'
  | 'SANDBOX_PROCESS_EXITED'
  | 'SANDBOX_QUEUE_FULL'
  | 'SANDBOX_RUNTIME_MISSING'
  | 'SANDBOX_SETUP_FAILED'
  | 'SANDBOX_STDIN_CLOSED'
  | 'SANDBOX_TOO_MANY_CONTEXTS'
  | 'SANDBOX_UNKNOWN_CONTEXT'
  | 'SANDBOX_UNKNOWN_LANGUAGE'
  | 'SANDBOX_UNKNOWN_PROCESS'
  | 'SANDBOX_UPGRADE_UNSUPPORTED'
  | 'SANDBOX_UPLOAD_INVALID'
  | 'SANDBOX_UPLOAD_TIMEOUT'
  | 'SANDBOX_UPLOAD_TOO_LARGE'
  | 'SANDBOX_WAIT_TIMEOUT'

/** What a {@link SandboxError} is made with, beside its code and its message. */
export interface SandboxErrorOptions {
  /** The error beneath this one. */
  cause?: unknown
  /** What to do about it, one sentence. It is appended to the message as well. */
  suggestion?: string
  /** When a further try may succeed, in milliseconds from now. */
  retryAfterMs?: number
}

/**
 * The one error class of this library: something the operator or the caller must act on.
 * What the user's code did is never thrown, it is in the result.
 *
 * @example
 * ```ts
 * import { SandboxError } from 'hono-sandbox'
 *
 * const error = new SandboxError('SANDBOX_CLOSED', 'the pool is closed')
 * console.log(error.code)
 * ```
 */
export class SandboxError extends Error {
  override readonly name: string = 'SandboxError'
  readonly code: SandboxErrorCode
  readonly suggestion: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: SandboxErrorCode, message: string, options: SandboxErrorOptions = {}) {
    super(options.suggestion ? `${message}. ${options.suggestion}` : message, {
      cause: options.cause,
    })
    this.code = code
    this.suggestion = options.suggestion
    this.retryAfterMs = options.retryAfterMs
  }
}

/**
 * A file operation that failed inside the sandbox, for the reason that the user's code would
 * have been given.
 *
 * @example
 * ```ts
 * import { SandboxFileError } from 'hono-sandbox'
 *
 * const error = new SandboxFileError('ENOENT', '/workspace/missing.txt', 'no such file')
 * console.log(error.errno, error.path)
 * ```
 */
export class SandboxFileError extends SandboxError {
  override readonly name = 'SandboxFileError'
  /** The name of the system's error: `ENOENT`, `EACCES`, `EISDIR`, `ENOSPC`, ... */
  readonly errno: string
  /** The path as the caller gave it. */
  readonly path: string

  constructor(errno: string, path: string, message: string, options: SandboxErrorOptions = {}) {
    super('SANDBOX_FILE_FAILED', `${errno}: ${message}: ${JSON.stringify(path)}`, options)
    this.errno = errno
    this.path = path
  }
}
