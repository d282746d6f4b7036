import type { Context } from 'hono'
import type { Language } from '../src/languages/built-in.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import type { SandboxPool } from '../src/sandbox-pool.js'
import { unknownSession } from '../src/sessions/session-errors.js'
import type { SandboxOptions } from './sandbox-options.js'

/** The options that decide which sandbox a request gets. */
export type AcquiringOptions = Pick<
  SandboxOptions,
  | 'session'
  | 'sessionIdleMs'
  | 'sessionTtlMs'
  | 'sessionConcurrency'
  | 'sessionMustExist'
  | 'tenant'
  | 'env'
  | 'leaseTtlMs'
  | 'acquireTimeoutMs'
>

/** Acquires the sandbox of a request: of its session if it has one, otherwise a lease of its own. */
export async function acquireFor(
  c: Context,
  { pool, language, signal }: { pool: SandboxPool; language: Language; signal: AbortSignal },
  options: AcquiringOptions,
): Promise<Sandbox> {
  const { sessionIdleMs, sessionTtlMs, sessionConcurrency, sessionMustExist } = options
  const tenant = await options.tenant?.(c)
  const env = await options.env?.(c)
  const id = await options.session?.(c)
  const { acquireTimeoutMs: timeoutMs, leaseTtlMs } = options
  const request = { timeoutMs, signal, tenant, env, leaseTtlMs }
  if (id !== undefined) {
    const session = { sessionIdleMs, sessionTtlMs, sessionConcurrency, sessionMustExist }
    return pool.session(language, id, { ...request, ...session })
  }
  if (sessionMustExist) throw unknownSession()
  return pool.acquire(language, request)
}
