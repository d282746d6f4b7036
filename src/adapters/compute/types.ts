/** The options of a command of a {@link ComputeSandbox}. */
export interface ComputeCommandOptions {
  cwd?: string
  env?: Record<string, string>
  /** The time limit, in milliseconds. */
  timeout?: number
  /** Whether to return as soon as the command has started. Its output is dropped then. */
  background?: boolean
  onStdout?: (data: string) => void
  onStderr?: (data: string) => void
}

/** The result of a command of a {@link ComputeSandbox}. */
export interface ComputeResult {
  stdout: string
  stderr: string
  exitCode: number
  durationMs: number
}

/** The description of a {@link ComputeSandbox}. */
export interface ComputeInfo {
  id: string
  provider: string
  status: 'running' | 'stopped'
  createdAt: Date
  /** The greatest age of the sandbox, in milliseconds. */
  timeout: number
}

/** The files of a {@link ComputeSandbox}. */
export interface ComputeFiles {
  readFile(path: string): Promise<string>
  writeFile(path: string, content: string): Promise<void>
  readdir(path: string): Promise<ComputeEntry[]>
  mkdir(path: string): Promise<void>
  exists(path: string): Promise<boolean>
  remove(path: string): Promise<void>
}

/** An entry of a folder of a {@link ComputeSandbox}. */
export interface ComputeEntry {
  name: string
  type: 'file' | 'directory'
  size: number
  modified: Date
}

/** The `ProviderSandbox` of the package `@computesdk/provider` 2. */
export interface ComputeSandbox {
  readonly sandboxId: string
  readonly provider: string
  readonly filesystem: ComputeFiles
  runCommand(command: string, options?: ComputeCommandOptions): Promise<ComputeResult>
  getInfo(): Promise<ComputeInfo>
  getUrl(options: { port: number; protocol?: string }): Promise<string>
  getProvider(): ComputeProvider
  getInstance(): string
  destroy(): Promise<void>
}

/** The options of a new {@link ComputeSandbox}. The other options of the SDK have no effect. */
export interface ComputeCreateOptions {
  /** The greatest age of the sandbox, in milliseconds. */
  timeout?: number
  envs?: Record<string, string>
  signal?: AbortSignal
  image?: string
  snapshotId?: string
  templateId?: string
}

/** The `Provider` of the package `@computesdk/provider` 2, which `computesdk` 4 accepts. */
export interface ComputeProvider {
  readonly name: string
  readonly sandbox: {
    create(options?: ComputeCreateOptions): Promise<ComputeSandbox>
    getById(sandboxId: string): Promise<ComputeSandbox | null>
    list(): Promise<ComputeSandbox[]>
    destroy(sandboxId: string): Promise<void>
  }
}
