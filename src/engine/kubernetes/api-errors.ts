import * as v from 'valibot'
import { SandboxError } from '../../errors.js'

/** The answer of the API server to a call that failed. */
const Refusal = v.object({
  code: v.number(),
  body: v.unknown(),
  headers: v.optional(v.record(v.string(), v.string()), {}),
})
const Status = v.object({ message: v.string() })

/** The time after which a launch beyond a quota may succeed: a pod must end first. */
const QUOTA_RETRY_MS = 5000

/** Returns the HTTP status of the API server's answer, also from the cause of an error. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  const refusal = v.safeParse(Refusal, error)
  return refusal.success ? refusal.output.code : statusOf(error.cause)
}

/** Returns the SandboxError of a failed call. */
export function apiError(operation: string, address: string, error: unknown): SandboxError {
  const refusal = v.safeParse(Refusal, error)
  if (!refusal.success) return unavailable(operation, address, error)
  const { code, headers } = refusal.output
  const message = messageOf(refusal.output.body)
  const refused = `the cluster refused to ${operation}: ${message || `status ${code}`}`
  // The API has no field for it: a quota and a missing right have the same status and reason.
  if (code === 403 && message.includes('exceeded quota')) {
    return new SandboxError('SANDBOX_ENGINE_FAILED', refused, {
      cause: error,
      retryAfterMs: QUOTA_RETRY_MS,
      suggestion: 'Raise the quota of the namespace, or lower the size of the pool',
    })
  }
  const retryAfter = Number(headers['retry-after'])
  return new SandboxError('SANDBOX_ENGINE_FAILED', refused, {
    cause: error,
    ...(retryAfter > 0 && { retryAfterMs: retryAfter * 1000 }),
    ...(code === 401 && { suggestion: 'Renew the credentials of the kubeconfig' }),
    ...(code === 403 && { suggestion: 'Check the roles of the account and the policies' }),
  })
}

function unavailable(operation: string, address: string, error: unknown): SandboxError {
  const message = error instanceof Error ? error.message : String(error)
  return new SandboxError(
    'SANDBOX_ENGINE_UNAVAILABLE',
    `no Kubernetes API server answers at ${address} (to ${operation}: ${message})`,
    { cause: error, suggestion: 'Check the kubeconfig, and whether the API server runs' },
  )
}

/** The body of an answer is a Status, as JSON or parsed. A proxy may answer with another text. */
function messageOf(body: unknown): string {
  const parsed = v.safeParse(Status, typeof body === 'string' ? parse(body) : body)
  if (parsed.success) return parsed.output.message
  return typeof body === 'string' ? body.slice(0, 200) : ''
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
