/** Whether a {@link TanstackSandbox} has each feature. */
export interface TanstackCapabilities {
  fs: boolean
  exec: boolean
  env: boolean
  ports: boolean
  backgroundProcesses: boolean
  writableStdin: boolean
  snapshots: boolean
  networkPolicy: boolean
  durableFilesystem: boolean
  fork: boolean
}

/** The options of a command of a {@link TanstackSandbox}. */
export interface TanstackProcessOptions {
  cwd?: string
  env?: Record<string, string>
  signal?: AbortSignal
}

/** A process of a {@link TanstackSandbox}. */
export interface TanstackProcess {
  readonly pid: number
  readonly stdout: AsyncIterable<string>
  readonly stderr: AsyncIterable<string>
  readonly stdin: { write: (data: string) => Promise<void>; end: () => Promise<void> }
  wait: () => Promise<number>
  kill: (signal?: NodeJS.Signals | number) => Promise<void>
}

/** The files of a {@link TanstackSandbox}. */
export interface TanstackFiles {
  read: (path: string) => Promise<string>
  readBytes: (path: string) => Promise<Uint8Array>
  write: (path: string, data: string | Uint8Array) => Promise<void>
  list: (path: string) => Promise<{ name: string; path: string; type: 'file' | 'dir' }[]>
  mkdir: (path: string) => Promise<void>
  remove: (path: string) => Promise<void>
  rename: (from: string, to: string) => Promise<void>
  exists: (path: string) => Promise<boolean>
}

/** The commands of a {@link TanstackSandbox}. */
export interface TanstackCommands {
  exec: (
    command: string,
    options?: TanstackProcessOptions,
  ) => Promise<{ stdout: string; stderr: string; exitCode: number }>
  spawn: (command: string, options?: TanstackProcessOptions) => Promise<TanstackProcess>
}

/** The repository that {@link TanstackGit} clones. */
export interface TanstackClone {
  url: string
  dir?: string
  ref?: string
  auth?: { username?: string; token: string }
  depth?: number | 'full'
}

/** The `git` of a {@link TanstackSandbox}. */
export interface TanstackGit {
  clone: (input: TanstackClone) => Promise<void>
  status: (dir?: string) => Promise<string>
  add: (paths: string[], dir?: string) => Promise<void>
  commit: (message: string, dir?: string) => Promise<void>
  push: (dir?: string) => Promise<void>
  pull: (dir?: string) => Promise<void>
  branch: (dir?: string) => Promise<string>
}

/** The `SandboxHandle` of the package `@tanstack/ai-sandbox` 0.2. */
export interface TanstackSandbox {
  readonly id: string
  readonly provider: string
  readonly workspaceRoot: string
  readonly capabilities: TanstackCapabilities
  readonly fs: TanstackFiles
  readonly git: TanstackGit
  readonly process: TanstackCommands
  readonly ports: { connect: (port: number) => Promise<{ url: string }> }
  readonly env: { set: (vars: Record<string, string>) => Promise<void> }
  destroy: () => Promise<void>
}

/** The input of a new {@link TanstackSandbox}. */
export interface TanstackCreate {
  workspace?: { source: { type: string } }
  env?: Record<string, string>
  signal?: AbortSignal
}

/** The `SandboxProvider` of the package `@tanstack/ai-sandbox` 0.2. */
export interface TanstackProvider {
  readonly name: string
  capabilities: () => TanstackCapabilities
  create: (input: TanstackCreate) => Promise<TanstackSandbox>
  resume: (input: { id: string; signal?: AbortSignal }) => Promise<TanstackSandbox | null>
  destroy: (input: { id: string; signal?: AbortSignal }) => Promise<void>
}
