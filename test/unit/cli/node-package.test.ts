import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BASE_IMAGES } from '../../../src/languages/setup-images.js'
import { addNode } from '../../../src/cli/node-package.js'

const { signal } = new AbortController()

describe('addNode', () => {
  let folder = ''
  let tar = ''
  let integrity = ''

  /** Creates an `npm` that packs a fake package, and the archive that it is added to. */
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-node-'))
    await mkdir(join(folder, 'package/bin'), { recursive: true })
    await writeFile(join(folder, 'package/bin/node'), 'binary')
    execFileSync('tar', ['-czf', 'packed.tgz', 'package'], { cwd: folder })
    const hash = createHash('sha512').update(await readFile(join(folder, 'packed.tgz')))
    integrity = `sha512-${hash.digest('base64')}`
    await mkdir(join(folder, 'bin'))
    await writeFile(join(folder, 'bin/npm'), '#!/bin/sh\ncp packed.tgz some-node-1.2.3.tgz\n', {
      mode: 0o755,
    })
    vi.stubEnv('PATH', `${join(folder, 'bin')}:${process.env.PATH}`)
    tar = join(folder, 'rootfs.tar')
    execFileSync('tar', ['-cf', tar, '-T', '/dev/null'])
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true, force: true })
  })

  const contents = () => execFileSync('tar', ['-tf', tar], { encoding: 'utf8' })

  it('adds the node binary of the package to the archive', async () => {
    await addNode({ name: 'some-node', version: '1.2.3', integrity }, folder, tar, signal)
    expect(contents()).toBe('./usr/local/bin/node\n')
  })

  it('refuses a package whose hash differs', async () => {
    const other = `sha512-${createHash('sha512').update('other').digest('base64')}`
    await expect(
      addNode({ name: 'some-node', version: '1.2.3', integrity: other }, folder, tar, signal),
    ).rejects.toMatchObject({
      code: 'SANDBOX_SETUP_FAILED',
      message: expect.stringContaining('some-node@1.2.3 is not the expected one'),
    })
    expect(contents()).toBe('')
  })
})

it('each npm package of an image has a sha512 hash', () => {
  const packages = BASE_IMAGES.flatMap(({ nodePackages }) => Object.values(nodePackages ?? {}))
  expect(packages).toHaveLength(2)
  for (const { integrity } of packages) expect(integrity).toMatch(/^sha512-[\w+/]{86}==$/)
})
