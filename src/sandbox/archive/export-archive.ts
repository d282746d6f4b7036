import type { TarHeader } from 'modern-tar'
import { createTarPacker } from 'modern-tar'
import type { Channel } from '../../agent/channel.js'
import { SandboxFileError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import { leaseEnded } from '../../pool/lease.js'
import { Slices } from '../../util/loop-turn.js'
import type { FileEntry } from '../files/entry.js'
import { abortedCall } from '../files/file-operation.js'
import type { Files } from '../files/files.js'
import type { FileCallOptions } from '../files/options.js'
import { isTooDeep, staysInside } from './entry-path.js'
import { withRawNames } from './raw-names.js'
import type { TakenFile } from './taken-file.js'
import { TakenFiles } from './taken-file.js'

type Packer = ReturnType<typeof createTarPacker>['controller']

/** The permissions that reading needs: the programs and the agent are one user. */
const READABLE = 0o400
const ENTERABLE = 0o500

/** Returns the workspace as a tar archive. Rejects if it has something that cannot be read. */
export async function exportArchive(
  lease: Lease<Channel>,
  files: Files,
  maxBytes: number,
  call: FileCallOptions,
  onOver: () => void,
): Promise<ReadableStream<Uint8Array>> {
  const entries = await files.list('/workspace', true, call)
  const chosen = entries.filter(isExported)
  checkEntries(chosen, maxBytes)
  const { readable, controller } = createTarPacker()
  const taken = new TakenFiles(lease, chosen.filter(isFile), call)
  const { signal } = call
  const abort = () => controller.error(abortedCall('/workspace', signal?.reason))
  signal?.addEventListener('abort', abort, { once: true })
  const forget = lease.onEnd((how) => controller.error(leaseEnded(lease.container.name, how)))
  void pack(controller, chosen, taken, maxBytes)
    .catch((error: unknown) => controller.error(error))
    .finally(() => {
      forget()
      signal?.removeEventListener('abort', abort)
      taken.stop()
      onOver()
    })
  return readable
}

const isFile = ({ type }: FileEntry) => type === 'file'

/** Leaves out what an import does not take. */
function isExported({ path, type, target }: FileEntry): boolean {
  if (type === 'symlink') return target !== undefined && staysInside(path, target)
  return type !== 'other'
}

function checkEntries(entries: readonly FileEntry[], maxBytes: number): void {
  let bytes = 0
  for (const { path, type, mode, size } of entries) {
    const needed = type === 'file' ? READABLE : type === 'directory' ? ENTERABLE : 0
    if ((mode & needed) !== needed) {
      throw new SandboxFileError('EACCES', path, 'the archive would lack it, it is not readable')
    }
    if (type === 'directory' && isTooDeep(path)) {
      throw new SandboxFileError('ENAMETOOLONG', path, 'the folder is too deep for an archive')
    }
    if (type === 'file') bytes += size
  }
  if (bytes > maxBytes) throw tooMany(maxBytes)
}

async function pack(
  packer: Packer,
  entries: readonly FileEntry[],
  taken: TakenFiles,
  maxBytes: number,
): Promise<void> {
  const slices = new Slices()
  let bytesLeft = maxBytes
  for (const entry of entries) {
    await slices.next()
    if (entry.type !== 'file') {
      await packer.add(headerOf(entry)).close()
      continue
    }
    const file = await taken.next()
    if (!file) continue // it was deleted or replaced meanwhile
    bytesLeft -= file.size
    if (bytesLeft < 0) throw tooMany(maxBytes)
    await packFile(packer, entry, file)
  }
  packer.finalize()
}

async function packFile(packer: Packer, entry: FileEntry, file: TakenFile): Promise<void> {
  const { size, mode, mtimeMs } = file
  const writer = packer.add(headerOf({ ...entry, size, mode, mtimeMs })).getWriter()
  for await (const bytes of file.content) await writer.write(bytes)
  await writer.close()
}

function headerOf({ path, type, size, mode, mtimeMs, target }: FileEntry): TarHeader {
  const common = { mode, mtime: new Date(Math.max(0, mtimeMs)) }
  if (type === 'directory') {
    return withRawNames({ ...common, name: `${path}/`, type: 'directory', size: 0 })
  }
  if (type === 'symlink') {
    return withRawNames({ ...common, name: path, type, size: 0, linkname: target ?? '' })
  }
  return withRawNames({ ...common, name: path, type: 'file', size })
}

function tooMany(maxBytes: number): SandboxFileError {
  const message = `the files have more than ${maxBytes} bytes`
  return new SandboxFileError('EFBIG', '/workspace', message)
}
