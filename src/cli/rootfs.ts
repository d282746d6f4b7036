import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SandboxError } from '../errors.js'
import { shellWords } from '../shell-words.js'
import { run } from './command.js'
import { DEBIAN_SUITE } from './images.js'
import type { BaseImage } from './images.js'

/** Builds the root file system of a local image inside a folder; gives the tar archive's path. */
export async function buildRootfs(
  image: BaseImage,
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
  if (image.nodePackages) await addNode(image.nodePackages, folder, tar, signal)
  return tar
}

/** What a shell does to the root when all is installed: `$1` is where it lies. */
export function hooksOf({ unwanted, finish }: BaseImage): string[] {
  const hooks: string[] = []
  if (unwanted) hooks.push(`rm -rf ${unwanted.map((pattern) => `"$1"${pattern}`).join(' ')}`)
  if (finish) hooks.push(`chroot "$1" ${shellWords(finish)}`)
  return hooks
}

async function addNode(
  packages: NonNullable<BaseImage['nodePackages']>,
  folder: string,
  tar: string,
  signal: AbortSignal,
): Promise<void> {
  const found = packages[process.arch]
  if (!found) {
    throw new SandboxError('SANDBOX_SETUP_FAILED', `no Node is known for ${process.arch}`)
  }
  const { name, version } = found
  const target = join(folder, 'node/usr/local')
  await mkdir(target, { recursive: true })
  // `--loglevel=error` and not `--silent`, which would keep the reason of a failure to itself.
  await run('npm', ['pack', `${name}@${version}`, '--loglevel=error'], { signal, cwd: folder })
  await run(
    'tar',
    ['-xzf', `${name}-${version}.tgz`, '-C', target, '--strip-components=1', 'package/bin/node'],
    { signal, cwd: folder },
  )
  const owner = ['--owner=0', '--group=0', '--numeric-owner']
  await run(
    'tar',
    ['--append', ...owner, '-f', tar, '-C', join(folder, 'node'), './usr/local/bin/node'],
    { signal },
  )
}
