import { constants } from 'node:os'
import type { CallResult, KilledBy, SandboxErrorCode } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import { errorBody } from 'hono-sandbox/middleware'
import type { Answer } from './answer.js'
import { answer } from './answer.js'

type FailedCall = Extract<CallResult, { ok: false }>

const internal = (stderr: string) =>
  answer({ status: 'program_runner_error', exit_code: -3, stderr, detail: 'internal_error' })

const exceeded = (resource_limit_type: Answer['resource_limit_type'], code: number, why: string) =>
  answer({
    status: 'resource_limit_exceeded',
    exit_code: code,
    stderr: why,
    resource_limit_type,
  })

const ENDED: Readonly<Partial<Record<KilledBy, Answer>>> = {
  timeout: exceeded('time', -124, 'Execution timeout'),
  oom: exceeded('memory', -137, 'Memory limit exceeded (killed by OOM)'),
  output: exceeded('output', -1, 'Output limit exceeded'),
  abort: internal('The request was aborted'),
  shutdown: internal('The server shuts down'),
  crash: internal('The sandbox ended unexpectedly'),
}

/**
 * RAGFlow finds the kind of a failure by these texts in stderr. The first text that occurs decides.
 */
const BY_TEXT: readonly (readonly [string, Partial<Answer>])[] = [
  ['Permission denied', refusedAccess('file_access')],
  ['Operation not permitted', refusedAccess('disallowed_syscall')],
  ['MemoryError', { status: 'resource_limit_exceeded', resource_limit_type: 'memory' }],
]

const BUSY: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_QUEUE_FULL',
  'SANDBOX_ACQUIRE_TIMEOUT',
])

/** Returns the answer for a program that failed. */
export function programFailure(call: FailedCall): Answer {
  const ended = call.killedBy && ENDED[call.killedBy]
  if (ended) return ended
  // RAGFlow shows a failure only if stderr is not empty. An error that the code threw is already in
  // stderr.
  const stderr =
    (call.error ? call.stderr : call.stderr + `Error: ${call.message}\n`) || call.message
  const kind = BY_TEXT.find(([text]) => stderr.includes(text))?.[1]
  return answer({
    status: 'program_error',
    exit_code: exitCodeOf(call),
    stderr,
    ...(kind ?? { runtime_error_type: 'nonzero_exit' }),
  })
}

/** Returns the answer for a request that could not be run. */
export function runnerFailure(error: Error): Answer {
  const status = 'program_runner_error'
  if ('code' in error && error.code === 'ECONNRESET') return internal('The client has left')
  if (!(error instanceof SandboxError)) {
    console.error(error)
    const detail = 'unhandled_exception'
    return answer({ status, exit_code: -999, stderr: 'Internal Server Error', detail })
  }
  if (BUSY.has(error.code)) {
    const stderr = 'Container pool is busy'
    return answer({ status, exit_code: -10, stderr, detail: 'no_available_container' })
  }
  if (error.code === 'SANDBOX_TENANT_LIMIT') {
    const stderr = 'Too many requests, please try again later'
    return answer({ status, exit_code: -429, stderr, detail: stderr })
  }
  return internal(errorBody(error).error.message)
}

function refusedAccess(unauthorized_access_type: Answer['unauthorized_access_type']) {
  return { status: 'unauthorized_access', unauthorized_access_type } as const
}

/** Returns the exit code of a program. As in a shell, it is 128 and the number of the signal. */
function exitCodeOf({ exitCode, signal }: FailedCall): number {
  if (exitCode !== null) return exitCode
  return 128 + (Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? 0)
}
