import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import * as v from 'valibot'
import type { RuntimeFacts } from '../container-facts.js'
import { kernelOf } from '../gvisor.js'

/** A runtime as Docker lists it. */
const Listed = v.object({
  path: v.optional(v.string()),
  runtimeArgs: v.optional(v.nullable(v.array(v.string())), null),
})
const Runtimes = v.object({ Runtimes: v.record(v.string(), Listed) })

const VERSION_MS = 5000

/**
 * Returns the version and the platform of a runtime. Docker does not tell the version, so the program
 * of the runtime is asked, if the engine is on this machine.
 */
export async function runtimeFacts(
  name: string,
  { info, address }: { info: unknown; address: string },
): Promise<RuntimeFacts> {
  const { path, runtimeArgs } = v.parse(Runtimes, info).Runtimes[name] ?? { runtimeArgs: null }
  const platform = runtimeArgs?.join(' ').match(/--?platform[= ](\w+)/)?.[1]
  const isLocal = address.startsWith('unix:')
  const version = isLocal && path !== undefined ? await versionOf(path) : undefined
  return { name, version, platform, kernel: kernelOf(name) }
}

/** Returns the first line that has a version: `runsc version release-20240930.0`. */
async function versionOf(path: string): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)(path, ['--version'], {
    timeout: VERSION_MS,
    env: { PATH: process.env.PATH },
  }).catch(() => ({ stdout: '' }))
  return /\bversion\s+(\S+)/.exec(stdout)?.[1]
}
