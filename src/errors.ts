/**
 * The codes of a {@link SandboxError}. Decide by the code, never by the message: a message may
 * change.
 *
 * The list is stable. New codes may be added, but no code is renamed.
 */
export type SandboxErrorCode =
  | 'SANDBOX_ACQUIRE_ABORTED'
  | 'SANDBOX_ACQUIRE_TIMEOUT'
  | 'SANDBOX_AGENT_FAILED'
  | 'SANDBOX_ARCHIVE_REFUSED'
  | 'SANDBOX_ARCHIVE_TOO_LARGE'
  | 'SANDBOX_CLOSED'
  | 'SANDBOX_CONTEXT_LOST'
  | 'SANDBOX_ENGINE_FAILED'
  | 'SANDBOX_ENGINE_UNAVAILABLE'
  | 'SANDBOX_FILE_FAILED'
  | 'SANDBOX_IMAGE_MISSING'
  | 'SANDBOX_INTERPRETER_MISSING'
  | 'SANDBOX_INVALID_OPTION'
  | 'SANDBOX_ISOLATION_WEAK'
  | 'SANDBOX_LEASE_ENDED'
  | 'SANDBOX_NOT_INITIALIZED'
  | 'SANDBOX_ORIGIN_REFUSED'
  | 'SANDBOX_PRELOAD_FAILED'
  | 'SANDBOX_PROCESS_EXITED'
  | 'SANDBOX_QUEUE_FULL'
  | 'SANDBOX_RUNTIME_MISSING'
  | 'SANDBOX_SESSION_START_FAILED'
  | 'SANDBOX_SETUP_FAILED'
  | 'SANDBOX_STDIN_CLOSED'
  | 'SANDBOX_TENANT_LIMIT'
  | 'SANDBOX_TOO_MANY_CONTEXTS'
  | 'SANDBOX_TOO_MANY_CONVERSATIONS'
  | 'SANDBOX_TOO_MANY_SESSIONS'
  | 'SANDBOX_UNKNOWN_CONTEXT'
  | 'SANDBOX_UNKNOWN_LANGUAGE'
  | 'SANDBOX_UNKNOWN_PROCESS'
  | 'SANDBOX_UNKNOWN_SESSION'
  | 'SANDBOX_UPGRADE_UNSUPPORTED'
  | 'SANDBOX_UPLOAD_INVALID'
  | 'SANDBOX_UPLOAD_TIMEOUT'
  | 'SANDBOX_UPLOAD_TOO_LARGE'
  | 'SANDBOX_WAIT_TIMEOUT'

/** The options of the {@link SandboxError} constructor. */
export interface SandboxErrorOptions {
  /** The error that caused this error. */
  cause?: unknown
  /**
   * One sentence in the imperative that says how to fix the problem. It is appended to the message.
   */
  suggestion?: string
  /** The time after which a retry may succeed, in milliseconds from now. */
  retryAfterMs?: number
}

/** A {@link SandboxError} as JSON. A `SandboxFileError` has `errno` and `path`, too. */
export interface SandboxErrorJson {
  /** The name of the class. */
  name: string
  code: SandboxErrorCode
  /** The message for the operator, with the suggestion. */
  message: string
  /** The advice for the operator. It is absent if there is no advice. */
  suggestion?: string
  /** The time after which a retry can succeed, in milliseconds. It is absent if it is not known. */
  retryAfterMs?: number
  /** The name of the system error of a `SandboxFileError`. */
  errno?: string
  /** The path of a `SandboxFileError`. */
  path?: string
}

/**
 * The base class of all errors of this library. It reports a problem that the operator or the
 * caller must solve. A failure of the user's code is not thrown: it is in the result of the call.
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
  /** The code that identifies the kind of error. */
  readonly code: SandboxErrorCode
  /** One sentence that says how to fix the problem, if there is one. It is in the message, too. */
  readonly suggestion: string | undefined
  /** The time after which a retry may succeed, in milliseconds from the moment of the error. */
  readonly retryAfterMs: number | undefined

  constructor(code: SandboxErrorCode, message: string, options: SandboxErrorOptions = {}) {
    super(options.suggestion ? `${message}. ${options.suggestion}` : message, {
      cause: options.cause,
    })
    this.code = code
    this.suggestion = options.suggestion
    this.retryAfterMs = options.retryAfterMs
  }

  /**
   * Returns the fields of the error for `JSON.stringify()`, so that a log or a report has the
   * message. `cause` and `stack` are left out. The message is meant for the operator: send clients
   * the response of `errorResponse()` instead.
   */
  toJSON(): SandboxErrorJson {
    const { name, code, message, suggestion, retryAfterMs } = this
    return {
      name,
      code,
      message,
      ...(suggestion !== undefined && { suggestion }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    }
  }
}

/**
 * The error of a file operation that failed inside the sandbox. Its `errno` is the error that the
 * user's code would get for the same operation.
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
  /** The name of the system error: `ENOENT`, `EACCES`, `EISDIR`, `ENOSPC`, ... */
  readonly errno: string
  /** The path as the caller passed it. */
  readonly path: string

  constructor(errno: string, path: string, message: string, options: SandboxErrorOptions = {}) {
    super('SANDBOX_FILE_FAILED', `${errno}: ${message}: ${JSON.stringify(path)}`, options)
    this.errno = errno
    this.path = path
  }

  /** Returns the fields of the error for `JSON.stringify()`, with `errno` and `path`. */
  override toJSON(): SandboxErrorJson {
    return { ...super.toJSON(), errno: this.errno, path: this.path }
  }
}
