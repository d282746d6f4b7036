type RequestId = string | number

/** The sender of a request. */
export interface Caller {
  /** The tenant of the request. Sessions of one tenant are not found by another one. */
  tenant: string | undefined
  /** The id of a client that cancels its calls with further requests; `undefined` for others. */
  client: string | undefined
}

/**
 * The calls that run for clients of the revisions of 2025. Such a client cancels a call with another
 * HTTP request, so the call is found by the client and its id. The clients of the later revision
 * close the connection of the call instead.
 */
export class RunningCalls {
  readonly #calls = new Map<string, AbortController>()

  /** Runs a call, with a signal that also aborts when the client cancels the call. */
  async run<Result>(
    caller: Caller,
    { id, signal }: { id: RequestId; signal: AbortSignal },
    use: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    if (caller.client === undefined) return use(signal)
    const key = keyOf(caller, id)
    const cancelled = new AbortController()
    this.#calls.set(key, cancelled)
    try {
      return await use(AbortSignal.any([signal, cancelled.signal]))
    } finally {
      if (this.#calls.get(key) === cancelled) this.#calls.delete(key)
    }
  }

  /** Cancels a call of the client. It does nothing if the call is over. */
  cancel(caller: Caller, id: RequestId): void {
    this.#calls.get(keyOf(caller, id))?.abort()
  }
}

function keyOf({ tenant, client }: Caller, id: RequestId): string {
  return JSON.stringify([tenant ?? null, client, id])
}
