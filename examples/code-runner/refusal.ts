/** A request that is refused, in words that repeat nothing of it. */
export class Refusal extends Error {
  constructor(
    readonly status: 400 | 408 | 413 | 503,
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** A request that is not what it should be. */
export class BadRequest extends Refusal {
  constructor(message: string) {
    super(400, 'BAD_REQUEST', message)
  }
}
