import type { Sandbox } from '../../sandbox/sandbox.js'
import type { ComputeFiles } from './types.js'
import { writeWithFolders } from '../shared/files.js'
import type { ProviderSessions } from '../shared/provider-sessions.js'

/** Returns the files of a sandbox. */
export function filesOf(sessions: ProviderSessions, id: string): ComputeFiles {
  const use = <T>(run: (sandbox: Sandbox) => Promise<T>) => sessions.use(id, {}, run)
  return {
    readFile: (path) => use((sandbox) => sandbox.readFile(path, { format: 'text' })),
    writeFile: (path, content) => use((sandbox) => writeWithFolders(sandbox, path, content)),
    readdir: (path) =>
      use(async (sandbox) =>
        (await sandbox.listFiles(path)).map(({ name, type, size, mtimeMs }) => {
          const kind = type === 'directory' ? 'directory' : 'file'
          return { name, type: kind, size, modified: new Date(mtimeMs) }
        }),
      ),
    mkdir: (path) => use((sandbox) => sandbox.mkdir(path, { recursive: true })),
    exists: (path) => use((sandbox) => sandbox.exists(path)),
    remove: (path) => use((sandbox) => sandbox.deleteFile(path, { recursive: true })),
  }
}
