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

/** Creates a typed client of the code runner at this URL. */
export function createClient(url: string, token?: string) {
  return hc<Api>(url, { headers: token ? { authorization: `Bearer ${token}` } : {} })
}
