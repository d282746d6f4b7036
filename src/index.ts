export type { Content } from './bytes/feed.js'
export type { CallFailure, CallOptions, CallResult } from './code/call.js'
export type { CodeContext, CodeContextOptions } from './code/contexts.js'
export { defineLanguage } from './defined-language.js'
export type { DefinedLanguage, LanguageProgram } from './defined-language.js'
export { createDockerEngine } from './engine/docker.js'
export type { DockerEngineOptions } from './engine/docker.js'
export type {
  Container,
  ContainerExit,
  Engine,
  LaunchSpec,
  PullOptions,
  SweepOptions,
} from './engine/engine.js'
export { SandboxError, SandboxFileError } from './errors.js'
export type { SandboxErrorCode, SandboxErrorOptions } from './errors.js'
export { ExecHandle } from './exec/handle.js'
export type {
  BytesOutput,
  CodeOptions,
  ExecOptions,
  ProgramOptions,
  RunCodeOptions,
  TextOutput,
} from './exec/options.js'
export type { CodeError, RichResult } from './exec/records.js'
export type {
  CodeEnd,
  CodeResult,
  ContextState,
  ExecEnd,
  ExecEvent,
  ExecResult,
  KilledBy,
  Usage,
} from './exec/result.js'
export type { Artifact, Collected } from './files/collect.js'
export type { FileEntry } from './files/files.js'
export type {
  CollectOptions,
  FileCallOptions,
  ReadFileOptions,
  TreeOptions,
  WriteFileOptions,
} from './files/options.js'
export { parseJson } from './json.js'
export type { JsonLimits } from './json.js'
export type { Language } from './languages.js'
export type { LeaseEnd, Released } from './lease.js'
export type { AcquireOptions, PoolEvent, PoolStats, StartReport } from './pool-types.js'
export type { LogMatch } from './process/log-watch.js'
export { SandboxProcess } from './process/process.js'
export type { ProcessLogs, WaitForOptions } from './process/process.js'
export type { StartProcessOptions } from './process/processes.js'
export { Sandbox } from './sandbox.js'
export type { CodeHandle, SandboxAbout } from './sandbox.js'
export type { SandboxFiles } from './sandbox-files.js'
export { SandboxPool } from './sandbox-pool.js'
export type {
  LanguageStats,
  SandboxPoolEvent,
  SandboxPoolEvents,
  StartReports,
} from './sandbox-pool.js'
export type { LanguageOptions, PoolLanguages, SandboxPoolOptions } from './pool-options.js'
export { closeSandboxes, getSandboxes, initSandboxes } from './singleton.js'
export type { SizeBounds } from './warm-size.js'
