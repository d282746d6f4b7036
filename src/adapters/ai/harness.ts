import type { Sandbox } from '../../sandbox/sandbox.js'
import type { AiSandboxOptions } from './sandbox.js'
import { aiSandbox } from './sandbox.js'
import type { AiSandbox } from './types.js'
import { capabilityUnsupported } from './harness-error.js'

/** The session of the SDK for which a provider needs a lease. */
export interface HarnessLease {
  /** The id of the session; `undefined` if the agent does not resume the session later. */
  sessionId: string | undefined
  /** Aborts if the caller no longer waits for the lease. */
  signal: AbortSignal | undefined
}

/** The network sandbox session of the SDK. */
export interface HarnessSession extends AiSandbox {
  readonly id: string
  readonly defaultWorkingDirectory: string
  readonly ports: readonly number[]
  readonly getPortEndpoint: () => Promise<never>
  readonly getPortUrl: () => Promise<never>
  readonly stop: () => Promise<void>
  readonly destroy: () => Promise<void>
  readonly restricted: () => AiSandbox
}

/** The options of `createSession()` of a {@link HarnessProvider}. */
export interface HarnessSessionOptions {
  sessionId?: string
  abortSignal?: AbortSignal
  identity?: string
  onFirstCreate?: (sandbox: AiSandbox, options: { abortSignal?: AbortSignal }) => Promise<void>
}

/** The `harness-sandbox-v1` provider of the SDK. */
export interface HarnessProvider {
  readonly specificationVersion: 'harness-sandbox-v1'
  readonly providerId: string
  readonly createSession: (options?: HarnessSessionOptions) => Promise<HarnessSession>
  readonly resumeSession: (options: {
    sessionId: string
    abortSignal?: AbortSignal
  }) => Promise<HarnessSession>
}

/**
 * Makes the sandbox provider that a `HarnessAgent` of `@ai-sdk/harness` uses as `sandbox`. Each session
 * of the agent gets a lease from `acquire`, and ends it with `stop()` or `destroy()`. If `acquire`
 * returns a sandbox of a session of the pool, the agent can resume it: `stop()` keeps the session, and
 * `destroy()` ends it. The calls are those of {@link aiSandbox}.
 *
 * A harness works if its agent runs in your process. A harness does not work if its agent runs
 * inside the sandbox, because it needs a port of the sandbox.
 *
 * @throws HarnessCapabilityUnsupportedError of the SDK, from `getPortEndpoint()` and `getPortUrl()`,
 * and from `resumeSession()` if the session has ended.
 * @throws SandboxError the errors of `acquire`.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 * import { harnessSandbox } from 'hono-sandbox/adapters'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const provider = harnessSandbox(({ signal }) => pool.acquire('python', { signal }))
 * const session = await provider.createSession() // a HarnessAgent does this
 * console.log(await session.run({ command: 'python3 --version' }))
 * await session.destroy()
 * await pool.close()
 * ```
 */
export function harnessSandbox(
  acquire: (lease: HarnessLease) => Promise<Sandbox>,
  options: AiSandboxOptions = {},
): HarnessProvider {
  return {
    specificationVersion: 'harness-sandbox-v1',
    providerId: 'hono-sandbox',
    createSession: async ({ sessionId, abortSignal, onFirstCreate } = {}) => {
      const sandbox = await acquire({ sessionId, signal: abortSignal })
      const session = sessionOf(sandbox, options)
      try {
        const isFirst = sandbox.session?.isNew ?? true
        if (isFirst) await onFirstCreate?.(session.restricted(), { abortSignal })
        return session
      } catch (error) {
        await session.destroy()
        throw error
      }
    },
    resumeSession: async ({ sessionId, abortSignal }) => {
      const sandbox = await acquire({ sessionId, signal: abortSignal })
      const session = sessionOf(sandbox, options)
      if (sandbox.session?.isNew === false) return session
      await session.destroy()
      throw capabilityUnsupported('the session has ended, or it is not a session of the pool')
    },
  }
}

function sessionOf(sandbox: Sandbox, options: AiSandboxOptions): HarnessSession {
  const noPorts = async () => {
    throw capabilityUnsupported('a sandbox of hono-sandbox has no ports')
  }
  return {
    ...aiSandbox(sandbox, options),
    id: sandbox.session?.id ?? sandbox.name,
    defaultWorkingDirectory: '/workspace',
    ports: [],
    getPortEndpoint: noPorts,
    getPortUrl: noPorts,
    stop: async () => void sandbox.release(),
    destroy: async () => {
      await sandbox.session?.end()
      sandbox.release()
    },
    restricted: () => aiSandbox(sandbox, options),
  }
}
