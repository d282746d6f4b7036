import type { ShellResult } from '../shared/shell-result.js'

/** A file or a folder of an {@link OpenAiManifest}. */
export interface OpenAiEntry {
  type: string
}

/** The `Manifest` of the SDK: the first content of the workspace of an agent. */
export interface OpenAiManifest {
  root: string
  entries: Record<string, OpenAiEntry>
  users: readonly unknown[]
  groups: readonly unknown[]
  extraPathGrants: readonly unknown[]
  resolveEnvironment(): Promise<Record<string, string>>
}

/** The values of the SDK that an adapter uses: `{ ...sandboxes, applyDiff }`, see {@link openaiClient}. */
export interface OpenAiSdk<Args, Manifest extends OpenAiManifest> {
  normalizeSandboxClientCreateArgs: (args?: Args) => {
    manifest: Manifest
    snapshot?: { type: string }
  }
  SandboxUnsupportedFeatureError: new (message: string) => Error
  applyDiff: (input: string, diff: string, mode?: 'default' | 'create') => string
}

/** The options of {@link openaiClient}, {@link openaiSession} and {@link openaiShell}. */
export interface OpenAiOptions {
  /**
   * The time limit of a command, in milliseconds. A command that runs longer is killed.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * If the signal aborts, the running command is killed. Pass the `signal` of the run here, because
   * the SDK does not pass it to the command: it waits until the command ends.
   */
  signal?: AbortSignal | undefined
}

/** A command of an {@link OpenAiSession}. */
export interface OpenAiCommand {
  cmd: string
  workdir?: string
  shell?: string
  login?: boolean
  tty?: boolean
  yieldTimeMs?: number
  maxOutputTokens?: number
  runAs?: string
}

/** A call of an {@link OpenAiSession} for one path. */
export interface OpenAiFileCall {
  path: string
  runAs?: string
}

/** The result of a command of an {@link OpenAiSession}. */
export interface OpenAiExecResult extends ShellResult {
  output: string
  wallTimeSeconds: number
}

/** An edit of a file: the text of `create_file` and `update_file` is a diff in the format V4A. */
export type OpenAiEdit<Type> = { type: Type; path: string; diff: string; moveTo?: string }

/** The `Editor` of the SDK. */
export interface OpenAiEditor {
  createFile(edit: OpenAiEdit<'create_file'>): Promise<void>
  updateFile(edit: OpenAiEdit<'update_file'>): Promise<void>
  deleteFile(edit: { type: 'delete_file'; path: string }): Promise<void>
}

/** The `SandboxSession` of the SDK. */
export interface OpenAiSession<Manifest extends OpenAiManifest> {
  state: { manifest: Manifest; environment?: Record<string, string>; [key: string]: unknown }
  running(): Promise<boolean>
  exec(command: OpenAiCommand): Promise<OpenAiExecResult>
  execCommand(command: OpenAiCommand): Promise<string>
  createEditor(runAs?: string): OpenAiEditor
  viewImage(call: OpenAiFileCall): Promise<{
    type: 'image'
    image: { data: Uint8Array<ArrayBuffer>; mediaType: string }
  }>
  readFile(call: OpenAiFileCall & { maxBytes?: number }): Promise<Uint8Array>
  listDir(
    call: OpenAiFileCall,
  ): Promise<{ name: string; path: string; type: 'file' | 'dir' | 'other' }[]>
  pathExists(path: string, runAs?: string): Promise<boolean>
  directoryExists(path: string, runAs?: string): Promise<boolean>
  materializeEntry(call: OpenAiFileCall & { entry: OpenAiEntry }): Promise<void>
  persistWorkspace(): Promise<Uint8Array>
  hydrateWorkspace(data: string | ArrayBuffer | Uint8Array): Promise<void>
  resolveExposedPort(port: number): Promise<never>
  supportsPty(): boolean
  close(): Promise<void>
}
