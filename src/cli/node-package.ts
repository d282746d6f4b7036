import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SandboxError } from '../errors.js'
import type { NodePackage } from '../languages/manifest.js'
import type { SetupImage } from '../languages/setup-images.js'
import { run } from './command.js'

/** The npm package with this machine's Node, if the image needs one. */
export function nodePackageOf({ name, nodePackages }: SetupImage): NodePackage | undefined {
  if (!nodePackages) return undefined
  const found = nodePackages[process.arch]
  if (found) return found
  throw new SandboxError('SANDBOX_SETUP_FAILED', `no Node is known for ${process.arch}`, {
    suggestion: `Pull an image for ${name} in its place`,
  })
}

/**
 * Lays the package's Node over a root file system in a tar archive.
 *
 * @throws SandboxError `SANDBOX_SETUP_FAILED` if the package is not the one that the hash is of. The
 * archive is as it was.
 */
export async function addNode(
  { name, version, integrity }: NodePackage,
  folder: string,
  tar: string,
  signal: AbortSignal,
): Promise<void> {
  const target = join(folder, 'node/usr/local')
  await mkdir(target, { recursive: true })
  // `--loglevel=error` and not `--silent`, which would keep the reason of a failure to itself.
  await run('npm', ['pack', `${name}@${version}`, '--loglevel=error'], { signal, cwd: folder })
  const archive = join(folder, `${name}-${version}.tgz`)
  // npm compares it with what the registry says today; this is what it said when it was chosen.
  const hash = createHash('sha512')
  await pipeline(createReadStream(archive), hash, { signal })
  const found = `sha512-${hash.digest('base64')}`
  if (found !== integrity) {
    throw new SandboxError(
      'SANDBOX_SETUP_FAILED',
      `the npm package ${name}@${version} is not the expected one: its hash is ${found}, ` +
        `expected ${integrity}`,
      { suggestion: 'Look at the registry or mirror that npm uses' },
    )
  }
  await run('tar', ['-xzf', archive, '-C', target, '--strip-components=1', 'package/bin/node'], {
    signal,
  })
  const owner = ['--owner=0', '--group=0', '--numeric-owner']
  await run(
    'tar',
    ['--append', ...owner, '-f', tar, '-C', join(folder, 'node'), './usr/local/bin/node'],
    { signal },
  )
}
