import { HTTPException } from 'hono/http-exception'

/** The statuses of the requests that this server itself refuses. */
export type RefusedStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 409
  | 413
  | 415
  | 422
  | 426
  | 429
  | 503

/** The body of each error response. */
export interface ErrorBody {
  error: { code: string; message: string }
}

export function errorBody(code: string, message: string): ErrorBody {
  return { error: { code, message } }
}

/** The error of a request that the server refuses. Its message must not quote the request. */
export class Refusal extends HTTPException {
  constructor(
    override readonly status: RefusedStatus,
    readonly code: string,
    message: string,
    /** The headers of the response. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(status, { message })
  }
}

/** The error of a request that is not valid. */
export class BadRequest extends Refusal {
  constructor(message: string) {
    super(400, 'BAD_REQUEST', message)
  }
}
