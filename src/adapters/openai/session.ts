import path from 'node:path'
import type { Sandbox } from '../../sandbox/sandbox.js'
import { execIn } from './exec.js'
import { editorOf, viewImage, WORKSPACE, writeEntry } from './files.js'
import type {
  OpenAiCommand,
  OpenAiManifest,
  OpenAiOptions,
  OpenAiSdk,
  OpenAiSession,
} from './types.js'

/** Returns the function that makes the error of the SDK for a feature that a sandbox does not have. */
export function unsupportedOf(
  sdk: Pick<OpenAiSdk<unknown, OpenAiManifest>, 'SandboxUnsupportedFeatureError'>,
): (feature: string) => Error {
  return (feature) =>
    new sdk.SandboxUnsupportedFeatureError(`hono-sandbox does not support ${feature}`)
}

/** Makes a session from a lease and a manifest. It does not write the entries of the manifest. */
export function sessionOf<Args, Manifest extends OpenAiManifest>(
  sandbox: Sandbox,
  manifest: Manifest,
  sdk: OpenAiSdk<Args, Manifest>,
  options: OpenAiOptions,
): OpenAiSession<Manifest> {
  const unsupported = unsupportedOf(sdk)
  const require = ({ runAs, tty }: { runAs?: string | undefined; tty?: boolean }) => {
    if (runAs !== undefined) throw unsupported('runAs')
    if (tty === true) throw unsupported('a terminal (tty)')
  }
  for (const name of ['users', 'groups', 'extraPathGrants'] as const) {
    if (manifest[name].length > 0) throw unsupported(`${name} of a manifest`)
  }
  if (manifest.root !== WORKSPACE) throw unsupported(`a root other than ${WORKSPACE}`)

  const exec = async (command: OpenAiCommand) => {
    require(command)
    return execIn(sandbox, command, { ...options, env: session.state.environment })
  }
  const session: OpenAiSession<Manifest> = {
    state: { manifest },
    running: async () => !sandbox.signal.aborted,
    exec,
    execCommand: async (command) => {
      const { output, exitCode, wallTimeSeconds } = await exec(command)
      const time = `Wall time: ${wallTimeSeconds.toFixed(4)} seconds`
      return `${time}\nProcess exited with code ${exitCode}\nOutput:\n${output}`
    },
    createEditor: (runAs) => {
      require({ runAs })
      return editorOf(sandbox, sdk)
    },
    viewImage: async (call) => {
      require(call)
      return viewImage(sandbox, call.path)
    },
    readFile: async (call) => {
      require(call)
      return sandbox.readFile(call.path, { length: call.maxBytes })
    },
    listDir: async (call) => {
      require(call)
      const types = { file: 'file', directory: 'dir', symlink: 'other', other: 'other' } as const
      const entries = await sandbox.listFiles(call.path)
      return entries.map(({ name, type }) => ({
        name,
        path: path.posix.join(call.path, name),
        type: types[type],
      }))
    },
    pathExists: async (file, runAs) => {
      require({ runAs })
      return sandbox.exists(file)
    },
    directoryExists: async (file, runAs) => {
      require({ runAs })
      return (await sandbox.exists(file)) && (await sandbox.stat(file)).type === 'directory'
    },
    materializeEntry: async (call) => {
      require(call)
      await writeEntry(sandbox, call.path, call.entry, unsupported)
    },
    persistWorkspace: async () =>
      new Uint8Array(await new Response(await sandbox.exportWorkspace()).arrayBuffer()),
    hydrateWorkspace: async (data) => {
      const archive = data instanceof ArrayBuffer ? new Uint8Array(data) : data
      await sandbox.importWorkspace(archive)
    },
    resolveExposedPort: async () => {
      throw unsupported('exposed ports')
    },
    supportsPty: () => false,
    close: async () => void sandbox.release(),
  }
  return session
}
