import path from 'node:path'
import { SandboxError, SandboxFileError } from '../../errors.js'
import { mimeTypeOf } from '../../sandbox/files/mime.js'
import type { Sandbox } from '../../sandbox/sandbox.js'
import { nullIfMissing, writeWithFolders } from '../shared/files.js'
import type { OpenAiEditor, OpenAiEntry, OpenAiManifest, OpenAiSdk } from './types.js'

/** The largest image that the SDK shows to a model. */
const MAX_IMAGE_BYTES = 10 * 1024 * 1024

/** Reads an image for a model. The SDK recognizes the errors by their messages. */
export async function viewImage(sandbox: Sandbox, file: string) {
  const mediaType = mimeTypeOf(file)
  if (!mediaType.startsWith('image/')) {
    const message = `unsupported image format: ${JSON.stringify(file)}`
    throw new SandboxError('SANDBOX_INVALID_OPTION', message)
  }
  const data = await nullIfMissing(sandbox.readFile(file, { maxBytes: MAX_IMAGE_BYTES }))
  if (data === null) throw new SandboxFileError('ENOENT', file, 'image not found')
  return { type: 'image' as const, image: { data: Uint8Array.from(data), mediaType } }
}

/** Makes the editor that applies the patches of a model. */
export function editorOf(
  sandbox: Sandbox,
  { applyDiff }: Pick<OpenAiSdk<unknown, OpenAiManifest>, 'applyDiff'>,
): OpenAiEditor {
  return {
    createFile: async (edit) =>
      writeWithFolders(sandbox, edit.path, applyDiff('', edit.diff, 'create')),
    updateFile: async (edit) => {
      const before = await sandbox.readFile(edit.path, { format: 'text' })
      const to = edit.moveTo ?? edit.path
      await writeWithFolders(sandbox, to, applyDiff(before, edit.diff))
      if (path.posix.resolve(WORKSPACE, to) !== path.posix.resolve(WORKSPACE, edit.path)) {
        await sandbox.deleteFile(edit.path)
      }
    },
    deleteFile: async (edit) => sandbox.deleteFile(edit.path),
  }
}

/** The working directory of a sandbox, and the root of a manifest. */
export const WORKSPACE = '/workspace'

/** Writes an entry of a manifest: a file, or a folder with its content. */
export async function writeEntry(
  sandbox: Sandbox,
  at: string,
  entry: OpenAiEntry & Partial<Record<'content' | 'children' | 'group' | 'permissions', unknown>>,
  unsupported: (feature: string) => Error,
): Promise<void> {
  const { type, content, children = {} } = entry
  for (const field of ['group', 'permissions'] as const) {
    if (entry[field] !== undefined) throw unsupported(`the ${field} of a manifest entry`)
  }
  if (type === 'file' && (typeof content === 'string' || content instanceof Uint8Array)) {
    return writeWithFolders(sandbox, at, content)
  }
  if (type !== 'dir') throw unsupported(`a manifest entry of the type ${type}`)
  await sandbox.mkdir(at, { recursive: true })
  for (const [name, child] of Object.entries(children ?? {})) {
    await writeEntry(sandbox, path.posix.join(at, name), child, unsupported)
  }
}
