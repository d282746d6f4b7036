import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { SandboxError } from '../errors.js'
import { whileProgressing } from './progress.js'

const SITE = 'https://storage.googleapis.com/gvisor/releases/release/latest'
const TARGET = '/usr/local/bin/runsc'
const MACHINES: Partial<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

/** The time limit of the first answer. Behind a firewall that drops packets there is none. */
const ANSWER_MS = 5000
const STALL_MS = 20_000

// Debian's release of 2022 hangs on its kvm platform, and does not start with a network.
const OLD_ARGS = ['--platform=ptrace', '--network=none']
const FIRST_NEW_YEAR = 2023

/** The warning about a release of gVisor that is as old as that of Debian 12. */
export const OLD_GVISOR =
  'gvisor   warning: this release of gVisor is of 2022. Under it, containers have no network, and ls and ' +
  'stat of newer images fail. https://gvisor.dev/docs/user_guide/install/ has the current release'

/** The options of {@link downloadGvisor}. */
export interface GvisorDownload {
  signal: AbortSignal
  /** The URL of the folder that has a folder for each machine. */
  site?: string
  /** The path of the new program. Its checksum is stored beside it. */
  target?: string
  answerMs?: number
}

/**
 * Downloads gVisor's own current release, and compares it with its checksum.
 *
 * @throws SandboxError `SANDBOX_SETUP_FAILED`, or the error of `fetch`. Nothing is changed then.
 */
export async function downloadGvisor({
  signal,
  site = SITE,
  target = TARGET,
  answerMs = ANSWER_MS,
}: GvisorDownload): Promise<void> {
  const machine = MACHINES[process.arch]
  if (!machine) throw failed(`there is no release for ${process.arch}`)
  const url = `${site}/${machine}/runsc`
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerMs)])
  const text = await (await get(`${url}.sha512`, deadline)).text()
  const [, expected] = /^([0-9a-f]{128})\s/.exec(text) ?? []
  if (expected === undefined) throw failed(`${url}.sha512 is not a checksum`)
  const aside = `${target}.new`
  try {
    const found = await save(url, aside, signal)
    if (found !== expected) throw failed(`${url} does not have the checksum of ${url}.sha512`)
    await writeFile(`${target}.sha512`, text)
    await rename(aside, target)
  } finally {
    await rm(aside, { force: true })
  }
}

/** Writes a download to a new program. Returns its checksum. */
async function save(url: string, path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha512')
  await rm(path, { force: true })
  await whileProgressing({ stallMs: STALL_MS, signal }, async (signal, progress) => {
    const { body } = await get(url, signal)
    const chunks = async function* () {
      for await (const chunk of body ?? []) {
        progress()
        hash.update(chunk)
        yield chunk
      }
    }
    await pipeline(chunks, createWriteStream(path, { flags: 'wx', mode: 0o755 }), { signal })
  })
  return hash.digest('hex')
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw failed(`${url} answers with ${response.status}`)
  return response
}

/** The two sources of gVisor. */
export interface GvisorSources {
  /** Gets gVisor's own current release. `undefined` if only packages are wanted. */
  download: (() => Promise<void>) | undefined
  /** Installs the package of the distribution. */
  installPackage: () => Promise<void>
}

/** Gets gVisor's own release, or else the package of the distribution, or else continues without it. */
export async function installGvisor(
  { download, installPackage }: GvisorSources,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (download) {
    say('packages downloading the current release of gVisor...')
    try {
      return await download()
    } catch (error) {
      signal.throwIfAborted()
      say(`packages the release of gVisor cannot be downloaded: ${reasonOf(error)}`)
    }
  }
  try {
    await installPackage()
  } catch {
    signal.throwIfAborted()
    say('packages warning: runsc (gVisor) could not be installed, continuing without it')
  }
}

/** Returns whether a runsc is a release of 2022 or before. */
export async function isOldRunsc(runsc: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)(runsc, ['--version']).catch(() => ({ stdout: '' }))
  const [, year] = /(20\d\d)\d{4}\.\d/.exec(stdout) ?? []
  return year !== undefined && Number(year) < FIRST_NEW_YEAR
}

/** Returns the arguments that a runsc is registered with. */
export function runtimeArgsOf(isOld: boolean): readonly string[] {
  return isOld ? OLD_ARGS : []
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

function failed(message: string): SandboxError {
  return new SandboxError('SANDBOX_SETUP_FAILED', message)
}
