import { HTTPException } from 'hono/http-exception'
import { SandboxError } from '../src/errors.js'
import { errorBody } from './error-response.js'
import { CloseCode } from './socket-connection.js'
import type { StreamEvent } from './stream-event.js'

/** The last event of a run that failed, and the code that closes its connection. */
interface Failure {
  event: StreamEvent
  code: number
}

/** Returns the message that a client gets for an error. It hides the details of internal errors. */
export function failureOf(error: unknown): Failure {
  if (error instanceof SandboxError) {
    const isClosed = error.code === 'SANDBOX_CLOSED'
    const code = isClosed ? CloseCode.serviceRestart : CloseCode.internalError
    return { event: { type: 'error', ...errorBody(error) }, code }
  }
  if (isOfClient(error)) return failure('BAD_REQUEST', error.message, CloseCode.policyViolation)
  return failure('INTERNAL', 'Internal Server Error', CloseCode.internalError)
}

/** Returns the failure of a client that resumes a run which the server does not have. */
export function runLost(): Failure {
  const message = 'the server does not have the run any more'
  return failure('RUN_LOST', message, CloseCode.policyViolation)
}

/** Whether the client has caused an error, such as a message that is not valid. */
export function isOfClient(error: unknown): error is HTTPException {
  return error instanceof HTTPException && error.status < 500
}

function failure(
  code: 'BAD_REQUEST' | 'INTERNAL' | 'RUN_LOST',
  message: string,
  closeCode: number,
): Failure {
  return { event: { type: 'error', error: { code, message } }, code: closeCode }
}
