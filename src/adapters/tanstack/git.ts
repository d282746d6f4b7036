import { SandboxError } from '../../errors.js'
import type { ShellResult } from '../shared/shell-result.js'
import type { TanstackClone, TanstackGit } from './types.js'

/** Runs a program in the sandbox, without a shell. */
type Run = (argv: readonly string[], env?: Record<string, string>) => Promise<ShellResult>

/**
 * The credential helper of Git. It reads the token from the environment, so no argument has the
 * token.
 */
const HELPER = '!f() { echo "username=$GIT_USER"; echo "password=$GIT_TOKEN"; }; f'

/** Makes the `git` of a sandbox. It runs the program `git` of the image. */
export function gitOf(run: Run): TanstackGit {
  const git = async (argv: readonly string[], env?: Record<string, string>): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(['git', ...argv], env)
    if (exitCode === 0) return stdout
    const message = `git exited with code ${exitCode}: ${stderr.trim()}`
    throw new SandboxError('SANDBOX_PROCESS_EXITED', message)
  }
  const at = (dir = '/workspace', ...argv: string[]) => git(['-C', dir, ...argv])
  return {
    clone: async ({ url, dir = '/workspace', ref, auth, depth = 1 }: TanstackClone) => {
      const credentials = auth ? ['-c', `credential.helper=${HELPER}`] : []
      const history = depth === 'full' ? [] : [`--depth=${depth}`]
      const branch = ref === undefined ? [] : [`--branch=${ref}`]
      await git([...credentials, 'clone', ...history, ...branch, '--', url, dir], {
        GIT_TERMINAL_PROMPT: '0',
        ...(auth && { GIT_USER: auth.username ?? 'x-access-token', GIT_TOKEN: auth.token }),
      })
    },
    status: (dir) => at(dir, 'status', '--porcelain'),
    add: async (paths, dir) => void (await at(dir, 'add', '--', ...paths)),
    commit: async (message, dir) => void (await at(dir, 'commit', '-m', message)),
    push: async (dir) => void (await at(dir, 'push')),
    pull: async (dir) => void (await at(dir, 'pull')),
    branch: async (dir) => (await at(dir, 'rev-parse', '--abbrev-ref', 'HEAD')).trim(),
  }
}
