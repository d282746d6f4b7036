import type { ProviderOptions } from '../shared/provider-options.js'
import { ProviderSessions } from '../shared/provider-sessions.js'
import { shellCommand } from '../shared/shell-command.js'
import type { ShellResult } from '../shared/shell-result.js'
import { shellResult } from '../shared/shell-result.js'
import { filesOf } from './files.js'
import { gitOf } from './git.js'
import { spawn } from './spawn.js'
import type {
  TanstackCapabilities,
  TanstackCommands,
  TanstackProvider,
  TanstackSandbox,
} from './types.js'
import { unsupportedCapability } from '../shared/unsupported.js'

const NAME = 'hono-sandbox'

const CAPABILITIES: TanstackCapabilities = {
  fs: true,
  exec: true,
  env: true,
  ports: false,
  backgroundProcesses: true,
  writableStdin: true,
  snapshots: false,
  networkPolicy: false,
  durableFilesystem: false,
  fork: false,
}

/**
 * Makes the provider that `defineSandbox()` of `@tanstack/ai-sandbox` 0.2 accepts. Each sandbox is a
 * session of the pool, with an id that cannot be guessed; `destroy()` ends it.
 *
 * If the `signal` of a command aborts, the command is killed and the call rejects with the reason
 * of the signal. If a command is killed for another reason, the last line of its `stderr` has the
 * reason. A process of `spawn()` waits while its output is not read, and ends with the sandbox.
 * `git` needs the program in the image. `ports.connect()`, and a workspace from a folder of the
 * host, reject with the `UnsupportedCapabilityError` of the SDK. `capabilities` tells which
 * features are supported.
 *
 * @throws SandboxError, from each call, as the calls of {@link Sandbox} do;
 * `SANDBOX_UNKNOWN_SESSION` if the sandbox has ended.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 * import { tanstackProvider } from 'hono-sandbox/adapters'
 *
 * await using pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const provider = tanstackProvider({ pool, language: 'python', tenant: 'ada' })
 * const sandbox = await provider.create({}) // as defineSandbox({ id: 'agent', provider }) does
 * console.log(await sandbox.process.exec('python3 --version'))
 * await sandbox.destroy()
 * ```
 */
export function tanstackProvider(options: ProviderOptions): TanstackProvider {
  const sessions = new ProviderSessions(options)
  const sandboxOf = (id: string): TanstackSandbox => ({
    id,
    provider: NAME,
    workspaceRoot: '/workspace',
    capabilities: CAPABILITIES,
    fs: filesOf(sessions, id),
    process: commandsOf(sessions, id),
    git: gitOf((argv, env) => run(sessions, id, argv, { env })),
    env: { set: async (vars) => sessions.addEnv(id, vars) },
    ports: {
      connect: async () => {
        throw unsupportedCapability(NAME, 'ports', 'they cannot be reached from outside')
      },
    },
    destroy: () => sessions.end(id),
  })
  return {
    name: NAME,
    capabilities: () => CAPABILITIES,
    create: async ({ workspace, env = {}, signal }) => {
      if (workspace?.source.type === 'local') {
        throw unsupportedCapability(NAME, 'local source', 'write its files with fs.write()')
      }
      return sandboxOf(await sessions.open(env, { signal }))
    },
    resume: async ({ id }) => (sessions.find(id) ? sandboxOf(id) : null),
    destroy: ({ id }) => sessions.end(id),
  }
}

interface Command {
  cwd?: string | undefined
  env?: Record<string, string> | undefined
  signal?: AbortSignal | undefined
}

async function run(
  sessions: ProviderSessions,
  id: string,
  argv: readonly string[],
  { cwd, env, signal }: Command,
): Promise<ShellResult> {
  signal?.throwIfAborted()
  const { timeoutMs } = sessions
  return sessions.use(id, { signal }, async (sandbox) => {
    const result = await sandbox.exec(argv, { cwd, env, signal, timeoutMs })
    signal?.throwIfAborted()
    return shellResult(result)
  })
}

function commandsOf(sessions: ProviderSessions, id: string): TanstackCommands {
  return {
    exec: (command, options = {}) => run(sessions, id, shellCommand(command), options),
    spawn: async (command, options = {}) => {
      options.signal?.throwIfAborted()
      const call = { timeoutMs: sessions.ttlMs, signal: options.signal }
      return spawn(await sessions.visit(id, call), command, options)
    },
  }
}
