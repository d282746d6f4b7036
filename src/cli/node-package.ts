import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SandboxError } from '../errors.js'
import type { NodePackage } from '../languages/manifest.js'
import type { SetupImage } from '../languages/setup-images.js'
import { run } from './command.js'

/** Returns the npm package with Node for this machine, if the image needs one. */
export function nodePackageOf({ name, nodePackages }: SetupImage): NodePackage | undefined {
  if (!nodePackages) return undefined
  const found = nodePackages[process.arch]
  if (found) return found
  throw new SandboxError('SANDBOX_SETUP_FAILED', `set-up has no Node package for ${process.arch}`, {
    suggestion: `Pull an image for ${name} instead`,
  })
}

/**
 * Adds the Node of the package to a root file system in a tar archive.
 *
 * @throws SandboxError `SANDBOX_SETUP_FAILED` if the package does not have the expected hash. The
 * archive is not changed then.
 */
export async function addNode(
  { name, version, integrity }: NodePackage,
  folder: string,
  tar: string,
  signal: AbortSignal,
): Promise<void> {
  const target = join(folder, 'node/usr/local')
  await mkdir(target, { recursive: true })
  // `--loglevel=error` and not `--silent`, which would hide the reason of a failure.
  await run('npm', ['pack', `${name}@${version}`, '--loglevel=error'], { signal, cwd: folder })
  const archive = join(folder, `${name}-${version}.tgz`)
  // npm compares the package with the current hash of the registry. This compares it with the hash that
  // was recorded when the version was chosen.
  const hash = createHash('sha512')
  await pipeline(createReadStream(archive), hash, { signal })
  const found = `sha512-${hash.digest('base64')}`
  if (found !== integrity) {
    throw new SandboxError(
      'SANDBOX_SETUP_FAILED',
      `the npm package ${name}@${version} is not the expected one: its hash is ${found}, ` +
        `expected ${integrity}`,
      { suggestion: 'Check the registry or mirror that npm uses' },
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
