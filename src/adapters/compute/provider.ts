import type { Sandbox } from '../../sandbox/sandbox.js'
import { filesOf } from './files.js'
import type {
  ComputeCommandOptions,
  ComputeCreateOptions,
  ComputeProvider,
  ComputeResult,
  ComputeSandbox,
} from './types.js'
import type { ProviderOptions } from '../shared/provider-options.js'
import { ProviderSessions } from '../shared/provider-sessions.js'
import { shellCommand } from '../shared/shell-command.js'
import { shellResult } from '../shared/shell-result.js'
import { unsupported } from '../shared/unsupported.js'

const NAME = 'hono-sandbox'

/**
 * Makes the provider that `compute()` of the package `computesdk` 4 accepts. Each sandbox is a
 * session of the pool, with an id that cannot be guessed; `destroy()` ends it. Paths are relative to
 * `/workspace`.
 *
 * A command that fails is a result. If it was killed, the last line of its `stderr` has the reason.
 * `getUrl()`, and `create()` with an image, a template or a snapshot, reject with
 * `SANDBOX_INVALID_OPTION`, because they are not supported. Snapshots and templates are absent. If
 * the `signal` of `create()` aborts, it rejects with the reason of the signal.
 *
 * @throws SandboxError, from each call, as the calls of {@link Sandbox} do;
 * `SANDBOX_UNKNOWN_SESSION` if the sandbox has ended.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 * import { computeProvider } from 'hono-sandbox/adapters'
 *
 * await using pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const provider = computeProvider({ pool, language: 'python', tenant: 'ada' })
 * const sandbox = await provider.sandbox.create() // or that of compute({ provider })
 * console.log(await sandbox.runCommand('python3 --version'))
 * await sandbox.destroy()
 * ```
 */
export function computeProvider(options: ProviderOptions): ComputeProvider {
  const sessions = new ProviderSessions(options)
  const sandboxOf = (sandboxId: string, createdAt: Date): ComputeSandbox => ({
    sandboxId,
    provider: NAME,
    filesystem: filesOf(sessions, sandboxId),
    runCommand: (command, call = {}) => {
      const timeoutMs = call.timeout ?? sessions.timeoutMs
      const run = (sandbox: Sandbox) => runCommand(sandbox, command, { ...call, timeoutMs })
      return sessions.use(sandboxId, { timeoutMs }, run)
    },
    getInfo: async () => {
      const status = sessions.find(sandboxId) ? 'running' : 'stopped'
      return { id: sandboxId, provider: NAME, status, createdAt, timeout: sessions.ttlMs }
    },
    getUrl: async () => {
      throw unsupported('getUrl', 'the ports of a sandbox cannot be reached from outside')
    },
    getProvider: () => provider,
    getInstance: () => sandboxId,
    destroy: () => sessions.end(sandboxId),
  })
  const provider: ComputeProvider = {
    name: NAME,
    sandbox: {
      create: async (call = {}) => {
        const { timeout: ttlMs, envs = {}, signal } = call
        refuse(call)
        return sandboxOf(await sessions.open(envs, { ttlMs, signal }), new Date())
      },
      getById: async (id) => {
        const found = sessions.find(id)
        return found ? sandboxOf(id, found.createdAt) : null
      },
      list: async () => sessions.list().map(({ id, createdAt }) => sandboxOf(id, createdAt)),
      destroy: (id) => sessions.end(id),
    },
  }
  return provider
}

async function runCommand(
  sandbox: Sandbox,
  command: string,
  {
    background,
    cwd,
    env,
    timeoutMs,
    onStdout,
    onStderr,
  }: ComputeCommandOptions & { timeoutMs: number },
): Promise<ComputeResult> {
  if (background) {
    await sandbox.startProcess(shellCommand(command), { cwd, env })
    return { stdout: '', stderr: '', exitCode: 0, durationMs: 0 }
  }
  const result = await sandbox.exec(shellCommand(command), {
    cwd,
    env,
    timeoutMs,
    onStdout,
    onStderr,
  })
  return { ...shellResult(result), durationMs: result.durationMs }
}

/** Refuses the options that choose another file system. */
function refuse({ image, snapshotId, templateId }: ComputeCreateOptions): void {
  if ((image ?? snapshotId ?? templateId) === undefined) return
  throw unsupported('create', 'the image is that of the language, and there are no snapshots')
}
