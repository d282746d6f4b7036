import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Sandbox } from 'hono-sandbox'

const CACHE = path.join(tmpdir(), 'hono-sandbox-cpython-tests')
const DOWNLOAD_MS = 60_000
const PACKAGE = '/workspace/tests.deb'

/**
 * Lays CPython's own tests into the workspace of a sandbox. They are a Debian package for the version
 * of Python in the image. Returns the reason if that is not possible.
 */
export async function layTests(sandbox: Sandbox): Promise<string | undefined> {
  const ask = 'import sys; print("%d.%d" % sys.version_info[:2], end="")'
  const { stdout: version } = await sandbox.exec(['python3', '-c', ask])
  const found = await findPackage(`libpython${version}-testsuite`)
  if (found.file === undefined) return found.reason
  await sandbox.writeFile(PACKAGE, readFileSync(found.file))
  const { exitCode, stderr } = await sandbox.exec(`dpkg-deb -x ${PACKAGE} tests && rm ${PACKAGE}`)
  return exitCode === 0 ? undefined : `the image cannot unpack the tests of CPython: ${stderr}`
}

type Found = { file: string } | { file?: undefined; reason: string }

/** Returns a package of the cache, or downloads it with apt. */
async function findPackage(name: string): Promise<Found> {
  mkdirSync(CACHE, { recursive: true })
  const cached = readdirSync(CACHE).find((file) => file.startsWith(`${name}_`))
  if (cached) return { file: path.join(CACHE, cached) }
  const folder = mkdtempSync(path.join(CACHE, 'download-'))
  try {
    const download = ['download', name]
    await promisify(execFile)('apt-get', download, { cwd: folder, timeout: DOWNLOAD_MS })
    const [file = ''] = readdirSync(folder)
    renameSync(path.join(folder, file), path.join(CACHE, file))
    return { file: path.join(CACHE, file) }
  } catch (error) {
    return { reason: `apt-get cannot download ${name}: ${String(error)}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
