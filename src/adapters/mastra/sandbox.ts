import type { Sandbox } from '../../sandbox/sandbox.js'
import { shellWords } from '../../util/shell-words.js'
import { writeWithFolders } from '../shared/files.js'
import type { MastraSandbox, MastraStatus } from './types.js'
import { shellCommand } from '../shared/shell-command.js'
import { shellResult } from '../shared/shell-result.js'

/** The options of {@link mastraSandbox}. */
export interface MastraSandboxOptions {
  /**
   * The time limit of a command without a time limit of its own, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
}

/**
 * Makes the sandbox that the `Workspace` of `@mastra/core` 1 accepts as `sandbox`, or that its
 * resolver returns for a request. Paths are relative to `/workspace`.
 *
 * A command that fails is a result. If it was killed, the last line of its `stderr` has the reason.
 * `destroy()` ends the session of the sandbox, or its lease if it has no session. Optional parts of
 * the interface that need ports, a display, mounts or Mastra's own process manager are absent, and
 * `snapshot()` does nothing.
 *
 * @throws SandboxError, from each call, as the calls of {@link Sandbox} do.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 * import { mastraSandbox } from 'hono-sandbox/adapters'
 *
 * await using pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const sandbox = mastraSandbox(await pool.acquire('python')) // an option of new Workspace()
 * console.log(await sandbox.executeCommand('python3', ['--version']))
 * await sandbox.destroy()
 * ```
 */
export function mastraSandbox(
  sandbox: Sandbox,
  { timeoutMs }: MastraSandboxOptions = {},
): MastraSandbox {
  const about = { id: sandbox.name, name: 'hono-sandbox', provider: 'hono-sandbox' }
  const createdAt = new Date()
  const status = (): MastraStatus => (sandbox.signal.aborted ? 'destroyed' : 'running')
  const getInstructions = () =>
    `Commands run in an isolated Linux container for ${sandbox.language}, without network ` +
    'access. The working directory is /workspace; keep your files there.'
  return {
    ...about,
    supportsCheckpoints: false,
    get status() {
      return status()
    },
    snapshot: async () => {},
    destroy: async () => {
      if (sandbox.session) await sandbox.session.end()
      sandbox.release()
    },
    getInfo: () => {
      const { language, runtime } = sandbox
      return { ...about, status: status(), createdAt, metadata: { language, runtime } }
    },
    getInstructions,
    executeCommand: async (command, args = [], options = {}) => {
      const { timeout = timeoutMs, abortSignal: signal, cwd, env, onStdout, onStderr } = options
      const line = args.length > 0 ? `${command} ${shellWords(args)}` : command
      const call = { cwd, env, signal, timeoutMs: timeout, onStdout, onStderr }
      const result = await sandbox.exec(shellCommand(line), call)
      const { exitCode, stdout, stderr } = shellResult(result)
      return {
        command,
        args,
        exitCode,
        stdout,
        stderr,
        success: exitCode === 0,
        executionTimeMs: result.durationMs,
        timedOut: result.killedBy === 'timeout',
        killed: result.killedBy !== undefined,
      }
    },
    writeFiles: async (files, { abortSignal: signal } = {}) => {
      for (const { path, content, mode } of files) {
        await writeWithFolders(sandbox, path, content, { signal, mode })
      }
    },
  }
}
