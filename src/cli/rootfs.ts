import { join } from 'node:path'
import { shellWords } from '../util/shell-words.js'
import { run } from './command.js'
import type { SetupImage } from '../languages/setup-images.js'
import { addNode, nodePackageOf } from './node-package.js'

/** The Debian release that local images are built from. */
const DEBIAN_SUITE = 'bookworm'

/** Builds the root file system of a local image in a folder. Returns the path of the tar archive. */
export async function buildRootfs(
  image: SetupImage,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const tar = join(folder, 'rootfs.tar')
  const options = [
    '--variant=minbase',
    `--include=${image.packages.join(',')}`,
    ...hooksOf(image).map((hook) => `--customize-hook=${hook}`),
  ]
  // mmdebstrap binds /dev and /sys of the host into its root, and leaves them there if it is killed. In a
  // mount namespace these mounts end with it, so that removing the folder cannot delete files of the host.
  await run('unshare', ['--mount', 'mmdebstrap', ...options, DEBIAN_SUITE, tar], {
    signal,
    env: { TMPDIR: folder },
  })
  const node = nodePackageOf(image)
  if (node) await addNode(node, folder, tar, signal)
  return tar
}

/** Returns the shell commands that run after the installation. `$1` is the path of the root. */
export function hooksOf({ unwanted, finish }: SetupImage): string[] {
  const hooks: string[] = []
  if (unwanted) hooks.push(`rm -rf ${unwanted.map((pattern) => `"$1"${pattern}`).join(' ')}`)
  if (finish) hooks.push(`chroot "$1" ${shellWords(finish)}`)
  return hooks
}
