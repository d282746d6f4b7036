import type { Sandbox } from '../../sandbox/sandbox.js'
import { writeEntry } from './files.js'
import { sessionOf, unsupportedOf } from './session.js'
import type { OpenAiManifest, OpenAiOptions, OpenAiSdk, OpenAiSession } from './types.js'

/**
 * Makes a sandbox session from a lease. Pass it to a run of a `SandboxAgent` of `@openai/agents` as
 * the option `session`. The run does not end the lease.
 *
 * Relative paths are in `/workspace`. A command runs with bash, or with `/bin/sh` if the image has
 * no bash. It gets no terminal and no login shell. The session waits until the command ends, and
 * ignores `yieldTimeMs`. `sdk` has the values of the SDK that the session needs: `{ ...sandboxes,
 * applyDiff }`, as in the example.
 *
 * @throws SandboxUnsupportedFeatureError of the SDK, for `runAs`, terminals, users and groups, path
 * grants, exposed ports, another root than `/workspace`, and entries that are neither files nor
 * folders.
 * @throws SandboxError from each call, as the calls of {@link Sandbox} do.
 *
 * @example
 * ```ts
 * import { applyDiff } from '@openai/agents'
 * import * as sandboxes from '@openai/agents/sandbox'
 * import { SandboxPool } from 'hono-sandbox'
 * import { openaiSession } from 'hono-sandbox/adapters'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const sandbox = await pool.acquire('python')
 * const session = openaiSession(sandbox, { ...sandboxes, applyDiff })
 * console.log(await session.execCommand({ cmd: 'python3 --version' }))
 * sandbox.release()
 * await pool.close()
 * ```
 */
export function openaiSession<Args, Manifest extends OpenAiManifest>(
  sandbox: Sandbox,
  sdk: OpenAiSdk<Args, Manifest>,
  options: OpenAiOptions = {},
): OpenAiSession<Manifest> {
  return sessionOf(sandbox, sdk.normalizeSandboxClientCreateArgs().manifest, sdk, options)
}

/** The `SandboxClient` of the SDK. */
export interface OpenAiClient<Args, Manifest extends OpenAiManifest> {
  backendId: string
  create(args?: Args): Promise<OpenAiSession<Manifest>>
}

/**
 * Makes a sandbox client. Pass it to a run of a `SandboxAgent` of `@openai/agents` as the option
 * `client`. Each run gets a lease of its own from `acquire`, with the files, folders and
 * environment of its manifest, and ends the lease. {@link openaiSession} describes the sessions.
 *
 * @throws SandboxUnsupportedFeatureError of the SDK, from the run: as for {@link openaiSession}, and
 * for snapshots.
 * @throws SandboxError from the run, as `acquire` and the calls of {@link Sandbox} do.
 *
 * @example
 * ```ts
 * import { applyDiff } from '@openai/agents'
 * import * as sandboxes from '@openai/agents/sandbox'
 * import { SandboxPool } from 'hono-sandbox'
 * import { openaiClient } from 'hono-sandbox/adapters'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const client = openaiClient(() => pool.acquire('python'), { ...sandboxes, applyDiff })
 * const entries = { 'data.csv': sandboxes.file({ content: 'day,sales\n' }) }
 * const session = await client.create({ manifest: { entries } })
 * console.log(await session.execCommand({ cmd: 'cat data.csv' }))
 * await session.close()
 * await pool.close()
 * ```
 */
export function openaiClient<Args, Manifest extends OpenAiManifest>(
  acquire: () => Promise<Sandbox>,
  sdk: OpenAiSdk<Args, Manifest>,
  options: OpenAiOptions = {},
): OpenAiClient<Args, Manifest> {
  const unsupported = unsupportedOf(sdk)
  return {
    backendId: 'hono-sandbox',
    create: async (args) => {
      const { manifest, snapshot } = sdk.normalizeSandboxClientCreateArgs(args)
      if (snapshot && snapshot.type !== 'noop') throw unsupported('snapshots')
      const sandbox = await acquire()
      try {
        const session = sessionOf(sandbox, manifest, sdk, options)
        session.state.environment = await manifest.resolveEnvironment()
        for (const [path, entry] of Object.entries(manifest.entries)) {
          await writeEntry(sandbox, path, entry, unsupported)
        }
        return session
      } catch (error) {
        sandbox.release()
        throw error
      }
    },
  }
}
