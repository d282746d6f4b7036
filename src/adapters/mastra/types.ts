/** The options of a command of a {@link MastraSandbox}. */
export interface MastraCommandOptions {
  /** The time limit, in milliseconds. */
  timeout?: number
  env?: Record<string, string | undefined>
  cwd?: string
  onStdout?: (data: string) => void
  onStderr?: (data: string) => void
  abortSignal?: AbortSignal
}

/** The result of a command of a {@link MastraSandbox}. */
export interface MastraResult {
  success: boolean
  exitCode: number
  stdout: string
  stderr: string
  executionTimeMs: number
  timedOut: boolean
  killed: boolean
  command: string
  args: string[]
}

/** A file that {@link MastraSandbox} writes. */
export interface MastraFile {
  path: string
  content: string | Buffer
  mode?: number
}

/** The state of a {@link MastraSandbox}. It is `destroyed` if the lease has ended. */
export type MastraStatus = 'running' | 'destroyed'

/** The description of a {@link MastraSandbox}. */
export interface MastraInfo {
  id: string
  name: string
  provider: string
  status: MastraStatus
  createdAt: Date
  metadata: Record<string, unknown>
}

/** The `WorkspaceSandbox` of the package `@mastra/core` 1. */
export interface MastraSandbox {
  readonly id: string
  readonly name: string
  readonly provider: string
  readonly status: MastraStatus
  readonly supportsCheckpoints: false
  snapshot(): Promise<void>
  destroy(): Promise<void>
  getInfo(): MastraInfo
  getInstructions(): string
  executeCommand(
    command: string,
    args?: string[],
    options?: MastraCommandOptions,
  ): Promise<MastraResult>
  writeFiles(files: MastraFile[], options?: { abortSignal?: AbortSignal }): Promise<void>
}
