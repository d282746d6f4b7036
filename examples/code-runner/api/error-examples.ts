import type { ErrorBody } from '../requests/refusal.js'
import { errorBody } from '../requests/refusal.js'

/** The reason and an example of each error status. */
export const ERRORS = {
  400: example('The request is not valid.', 'BAD_REQUEST', 'language: is required'),
  401: example(
    'The request has no token, or a wrong one.',
    'UNAUTHORIZED',
    'send the header "Authorization: Bearer <token>", or log in at /login',
  ),
  403: example(
    'A page of another site has sent the request, or its host name is not allowed.',
    'ORIGIN_NOT_ALLOWED',
    'pages of other origins must not call this server',
  ),
  404: example('The session has no such file.', 'FILE_NOT_FOUND', 'the session has no such file'),
  408: example(
    'No byte of the body came for 10 seconds.',
    'BODY_TIMEOUT',
    'no bytes of the body arrived for 10 seconds: send the request again',
  ),
  409: example(
    'The first request with this `Idempotency-Key` still runs.',
    'IDEMPOTENCY_KEY_IN_USE',
    'the first request with this Idempotency-Key still runs: send this one later',
  ),
  413: example('The body is too long.', 'BODY_TOO_LARGE', 'the body is longer than 8388608 bytes'),
  415: example(
    'The body has another type.',
    'UNSUPPORTED_MEDIA_TYPE',
    'send application/json or multipart/form-data',
  ),
  422: example(
    'Another request had this `Idempotency-Key`.',
    'IDEMPOTENCY_KEY_REUSED',
    'another request had this Idempotency-Key: make a new one for each request',
  ),
  426: example(
    'The request does not ask for a WebSocket.',
    'UPGRADE_REQUIRED',
    'open a WebSocket to this path',
  ),
  429: example(
    'The client sends too many requests. `Retry-After` has the seconds to wait.',
    'TOO_MANY_REQUESTS',
    'at most 600 requests in a minute',
  ),
  500: example('The server failed.', 'INTERNAL', 'Internal Server Error'),
  503: example(
    'No container is available. `Retry-After` has the seconds to wait, if they are known.',
    'SANDBOX_ACQUIRE_TIMEOUT',
    'no container became available in time',
  ),
} as const satisfies Record<number, ErrorExample>

interface ErrorExample {
  description: string
  example: ErrorBody
}

function example(description: string, code: string, message: string): ErrorExample {
  return { description, example: errorBody(code, message) }
}
