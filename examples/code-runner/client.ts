import type { ApplyGlobalResponse } from 'hono/client'
import { hc } from 'hono/client'
import type { createApp } from './app.js'
import type { ErrorBody } from './requests/refusal.js'

interface ErrorAnswer {
  json: ErrorBody
}

/** The routes of the code runner, with the errors that each of them can answer. */
export type Api = ApplyGlobalResponse<
  ReturnType<typeof createApp>,
  Record<400 | 401 | 403 | 404 | 408 | 413 | 415 | 429 | 500 | 503, ErrorAnswer>
>

/** The options of a client: the token, if the server has one, and a `fetch()` that keeps cookies. */
interface ClientOptions {
  token?: string
  fetch?: typeof globalThis.fetch
}

/** Creates a typed client of the code runner at this URL. Sessions need a `fetch()` that keeps cookies. */
export function createClient(url: string, { token, fetch }: ClientOptions = {}) {
  return hc<Api>(url, { fetch, headers: token ? { authorization: `Bearer ${token}` } : {} })
}
