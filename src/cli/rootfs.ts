import { join } from 'node:path'
import { shellWords } from '../util/shell-words.js'
import { run } from './command.js'
import type { SetupImage } from '../languages/setup-images.js'
import { addNode, nodePackageOf } from './node-package.js'

/** The Debian release that local images are built from. */
const DEBIAN_SUITE = 'bookworm'

/** Builds the root file system of a local image inside a folder; gives the tar archive's path. */
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
  // mmdebstrap binds the host's /dev and /sys into what it builds, and leaves them there when it
  // is killed. In a mount namespace they go with it: removing the folder cannot reach the host's.
  await run('unshare', ['--mount', 'mmdebstrap', ...options, DEBIAN_SUITE, tar], {
    signal,
    env: { TMPDIR: folder },
  })
  const node = nodePackageOf(image)
  if (node) await addNode(node, folder, tar, signal)
  return tar
}

/** What a shell does to the root when all is installed: `$1` is where it lies. */
export function hooksOf({ unwanted, finish }: SetupImage): string[] {
  const hooks: string[] = []
  if (unwanted) hooks.push(`rm -rf ${unwanted.map((pattern) => `"$1"${pattern}`).join(' ')}`)
  if (finish) hooks.push(`chroot "$1" ${shellWords(finish)}`)
  return hooks
}
