import { HTTPException } from 'hono/http-exception'

/** The error of a request that the server refuses. Its message must not quote the request. */
export class Refusal extends HTTPException {
  constructor(
    status: 400 | 408 | 413 | 503,
    readonly code: string,
    message: string,
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
