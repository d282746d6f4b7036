/** A file that the program left in `artifacts/`. */
export interface Artifact {
  name: string
  mime_type: string
  /** In bytes. */
  size: number
  content_b64: string
}

/** The body of every answer of `POST /run`: the `CodeExecutionResult` of RAGFlow. */
export interface Answer {
  status:
    | 'success'
    | 'program_error'
    | 'resource_limit_exceeded'
    | 'unauthorized_access'
    | 'program_runner_error'
  stdout: string
  stderr: string
  /** The exit code of the program. It is negative if the executor ended or refused the program. */
  exit_code: number
  detail: string | null
  time_used_ms: number | null
  /** It is 0 if the memory was not measured, as for JavaScript. */
  memory_used_kb: number | null
  resource_limit_type: 'time' | 'memory' | 'output' | null
  unauthorized_access_type: 'file_access' | 'disallowed_syscall' | null
  runtime_error_type: 'nonzero_exit' | null
  artifacts: readonly Artifact[]
  result: { present: true; value: unknown; type: 'json' } | null
}

/**
 * Returns an answer with these fields, and with defaults for all other fields that RAGFlow expects.
 */
export function answer(
  fields: Pick<Answer, 'status' | 'exit_code'> & Partial<Answer>,
): Readonly<Answer> {
  return {
    stdout: '',
    stderr: '',
    detail: null,
    time_used_ms: null,
    memory_used_kb: null,
    resource_limit_type: null,
    unauthorized_access_type: null,
    runtime_error_type: null,
    artifacts: [],
    result: null,
    ...fields,
  }
}
