import type { Sandbox } from '../../sandbox/sandbox.js'
import { nullIfMissing, writeWithFolders } from '../shared/files.js'
import type { ProviderSessions } from '../shared/provider-sessions.js'
import type { TanstackFiles } from './types.js'

/** Returns the files of a sandbox. */
export function filesOf(sessions: ProviderSessions, id: string): TanstackFiles {
  const use = <T>(call: (sandbox: Sandbox) => Promise<T>) => sessions.use(id, {}, call)
  return {
    read: (path) => use((sandbox) => sandbox.readFile(path, { format: 'text' })),
    readBytes: (path) => use((sandbox) => sandbox.readFile(path)),
    write: (path, data) => use((sandbox) => writeWithFolders(sandbox, path, data)),
    list: (path) =>
      use(async (sandbox) =>
        (await sandbox.listFiles(path)).map(({ name, type }) => ({
          name,
          path: `${path.replace(/\/$/, '')}/${name}`,
          type: type === 'directory' ? 'dir' : 'file',
        })),
      ),
    mkdir: (path) => use((sandbox) => sandbox.mkdir(path, { recursive: true })),
    remove: (path) =>
      use(async (sandbox) => {
        await nullIfMissing(sandbox.deleteFile(path, { recursive: true }))
      }),
    rename: (from, to) => use((sandbox) => sandbox.moveFile(from, to)),
    exists: (path) => use((sandbox) => sandbox.exists(path)),
  }
}
