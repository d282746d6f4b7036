import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { downloadGvisor, installGvisor, isOldRunsc } from '../../../src/cli/gvisor.js'

const { signal } = new AbortController()
const PROGRAM = Buffer.from('#!/bin/sh\necho runsc version release-20261109.0\n')
const CHECKSUM = `${createHash('sha512').update(PROGRAM).digest('hex')}  runsc\n`

let folder = ''
let target = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-gvisor-'))
  target = join(folder, 'runsc')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Returns the address of a server on this machine. */
async function siteOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `http://127.0.0.1:${address.port}`
}

/** Serves a release with this checksum. */
const releaseWith =
  (checksum: string): RequestListener =>
  ({ url }, response) => {
    const answer = /^\/(?:x86_64|aarch64)\/runsc(\.sha512)?$/.exec(url ?? '')
    response.statusCode = answer ? 200 : 404
    response.end(answer?.[1] ? checksum : PROGRAM)
  }

describe('downloadGvisor', () => {
  it('installs a program that has its checksum, and keeps the checksum', async () => {
    await writeFile(target, 'old')
    await downloadGvisor({ signal, target, site: await siteOf(releaseWith(CHECKSUM)) })
    expect(await readFile(target)).toEqual(PROGRAM)
    expect((await stat(target)).mode & 0o777).toBe(0o755)
    expect(await readFile(`${target}.sha512`, 'utf8')).toBe(CHECKSUM)
    expect(await isOldRunsc(target)).toBe(false)
    expect((await readdir(folder)).sort()).toEqual(['runsc', 'runsc.sha512'])
  })

  it.each([
    [
      'another checksum',
      releaseWith(CHECKSUM.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))),
    ],
    ['no checksum', releaseWith('<html>')],
    [
      'no release',
      (_: unknown, response: Parameters<RequestListener>[1]) => void response.writeHead(404).end(),
    ],
    ['no answer', () => {}],
  ] satisfies [string, RequestListener][])(
    'changes nothing if there is %s',
    async (_, listener) => {
      await writeFile(target, 'old')
      const download = downloadGvisor({
        signal,
        target,
        site: await siteOf(listener),
        answerMs: 100,
      })
      await expect(download).rejects.toThrow()
      expect(await readFile(target, 'utf8')).toBe('old')
      expect(await readdir(folder)).toEqual(['runsc'])
    },
  )
})

describe('installGvisor', () => {
  const failing = () => Promise.reject(new Error('fetch failed', { cause: new Error('no route') }))
  const installed = async (download: (() => Promise<void>) | undefined, isPackaged = true) => {
    const lines: string[] = []
    let packages = 0
    const installPackage = async () => {
      packages += 1
      if (!isPackaged) throw new Error('apt-get failed')
    }
    await installGvisor({ download, installPackage }, (line) => lines.push(line), signal)
    return { packages, said: lines.join('\n') }
  }

  it('takes the package only if the release cannot be downloaded', async () => {
    expect((await installed(async () => {})).packages).toBe(0)
    const { packages, said } = await installed(failing)
    expect(packages).toBe(1)
    expect(said).toMatch(/cannot be downloaded: no route$/)
    expect(await installed(undefined)).toEqual({ packages: 1, said: '' })
  })

  it('continues if there is no package either', async () => {
    expect((await installed(failing, false)).said).toMatch(/continuing without it$/)
  })
})

describe('isOldRunsc', () => {
  it.each([
    ['runsc version 0.0~20221219.0', true],
    ['runsc version release-20240513.0', false],
    ['something else', false],
  ])('knows the age of %s', async (version, isOld) => {
    await writeFile(target, `#!/bin/sh\necho '${version}'\n`, { mode: 0o755 })
    expect(await isOldRunsc(target)).toBe(isOld)
  })
})
