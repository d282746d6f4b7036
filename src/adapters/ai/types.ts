import type { FileEntry } from '../../sandbox/files/entry.js'
import type { ShellResult } from '../shared/shell-result.js'

/** A command of an {@link AiSandbox}. */
export interface AiCommand {
  command: string
  workingDirectory?: string
  env?: Record<string, string>
  abortSignal?: AbortSignal
}

/** A call of an {@link AiSandbox} for one path. */
export interface AiFileCall {
  path: string
  abortSignal?: AbortSignal
}

/** A call of an {@link AiSandbox} for one path, with the content of the file. */
export interface AiWriteCall<Content> extends AiFileCall {
  content: Content
}

/** A process of an {@link AiSandbox}. If its output is not read, the process waits. */
export interface AiProcess {
  readonly stdout: ReadableStream<Uint8Array>
  readonly stderr: ReadableStream<Uint8Array>
  wait(): Promise<{ exitCode: number }>
  kill(): Promise<void>
}

/** A process of an {@link AiSandbox} that has an input. */
export interface AiInputProcess extends AiProcess {
  readonly stdin: WritableStream<Uint8Array>
}

/** Starts a process of an {@link AiSandbox}. */
export interface AiSpawn {
  (options: AiCommand & { stdin: true }): Promise<AiInputProcess>
  (options: AiCommand & { stdin?: false }): Promise<AiProcess>
  (options: AiCommand & { stdin?: boolean }): Promise<AiProcess | AiInputProcess>
}

/** The `Experimental_SandboxSession` of the package `ai` 7. */
export interface AiSandbox {
  readonly description: string
  readonly readFile: (options: AiFileCall) => Promise<ReadableStream<Uint8Array> | null>
  readonly readBinaryFile: (options: AiFileCall) => Promise<Uint8Array | null>
  readonly readTextFile: (
    options: AiFileCall & { encoding?: string; startLine?: number; endLine?: number },
  ) => Promise<string | null>
  readonly writeFile: (options: AiWriteCall<ReadableStream<Uint8Array>>) => Promise<void>
  readonly writeBinaryFile: (options: AiWriteCall<Uint8Array>) => Promise<void>
  readonly writeTextFile: (options: AiWriteCall<string> & { encoding?: string }) => Promise<void>
  readonly stat: (
    options: AiFileCall,
  ) => Promise<{ type: 'file' | 'directory' | 'other'; size: number } | null>
  readonly listDirectory: (
    options: AiFileCall,
  ) => Promise<Pick<FileEntry, 'name' | 'type'>[] | null>
  readonly deleteFile: (options: AiFileCall) => Promise<boolean>
  readonly run: (options: AiCommand) => Promise<ShellResult>
  readonly spawn: AiSpawn
}
