import { SandboxClientError } from './client-error.js'

/** Returns the error of a response with an error status. */
export async function refusalOf(response: Response): Promise<SandboxClientError> {
  const { status, headers } = response
  const { code, message } = await bodyOf(response)
  const retryAfterMs = retryAfterOf(headers.get('retry-after'))
  const why = message ?? `the server answered with the status ${status}`
  return new SandboxClientError('refused', why, { code, status, retryAfterMs })
}

/** Reads `{ error: { code, message } }`. A body in another form has neither. */
async function bodyOf(response: Response): Promise<{ code?: string; message?: string }> {
  const body: unknown = await response.json().catch(() => undefined)
  const { code, message } = fieldsOf(fieldsOf(body).error)
  return {
    ...(typeof code === 'string' && { code }),
    ...(typeof message === 'string' && { message }),
  }
}

function fieldsOf(value: unknown): Partial<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** Reads a number of seconds or a date. */
function retryAfterOf(value: string | null): number | undefined {
  if (value === null) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
