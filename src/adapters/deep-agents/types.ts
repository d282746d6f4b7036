/** The result of a command of a {@link DeepAgentsBackend}. */
export interface DeepAgentsExecuted {
  /** stdout and stderr, in the order in which they were written. */
  output: string
  exitCode: number | null
  truncated: boolean
}

/** A file or a folder of a {@link DeepAgentsBackend}. The path of a folder ends with a slash. */
export interface DeepAgentsFile {
  path: string
  is_dir: boolean
  size: number
  modified_at: string
}

/** A line that matches a search. */
export interface DeepAgentsMatch {
  path: string
  line: number
  text: string
}

/** A page of a text file, or a whole binary file. */
export interface DeepAgentsPage {
  error?: string
  content?: string | Uint8Array
  mimeType?: string
  totalLines?: number
  startLine?: number
  endLine?: number
  nextOffset?: number
}

/** A whole file. */
export interface DeepAgentsData {
  content: string | Uint8Array
  mimeType: string
  created_at: string
  modified_at: string
}

/** The result of a call that changes a file. */
export interface DeepAgentsChange {
  error?: string
  path?: string
  filesUpdate?: null
}

/** The reason that a file was not transferred. */
export type DeepAgentsFileError =
  | 'file_not_found'
  | 'permission_denied'
  | 'is_directory'
  | 'invalid_path'

interface Transferred {
  path: string
  error: DeepAgentsFileError | null
}

/** The `SandboxBackendProtocolV2` of the package `deepagents` 1. It returns errors of files. */
export interface DeepAgentsBackend {
  readonly id: string
  execute(command: string): Promise<DeepAgentsExecuted>
  ls(path: string): Promise<{ error?: string; files?: DeepAgentsFile[] }>
  read(filePath: string, offset?: number, limit?: number): Promise<DeepAgentsPage>
  readRaw(filePath: string): Promise<{ error?: string; data?: DeepAgentsData }>
  write(filePath: string, content: string): Promise<DeepAgentsChange>
  edit(
    filePath: string,
    oldString: string,
    newString: string,
    replaceAll?: boolean,
  ): Promise<DeepAgentsChange & { occurrences?: number }>
  delete(filePath: string): Promise<DeepAgentsChange>
  grep(
    pattern: string,
    path?: string | null,
    glob?: string | null,
    maxCount?: number | null,
  ): Promise<{ error?: string; matches?: DeepAgentsMatch[]; truncated?: boolean }>
  glob(pattern: string, path?: string): Promise<{ error?: string; files?: DeepAgentsFile[] }>
  uploadFiles(files: [string, Uint8Array][]): Promise<Transferred[]>
  downloadFiles(paths: string[]): Promise<(Transferred & { content: Uint8Array | null })[]>
}
