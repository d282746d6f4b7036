export type { Content } from './sandbox/streams/content.js'
export type { CallFailure, CallOptions, CallResult } from './sandbox/code/function-call.js'
export type { CodeContext, CodeContextOptions } from './sandbox/code/contexts.js'
export type { CodeOptions, RunCodeOptions } from './sandbox/code/options.js'
export { defineLanguage } from './languages/define.js'
export type { DefinedLanguage, LanguageCommands } from './languages/define.js'
export { createDockerEngine } from './engine/docker/docker-engine.js'
export type { DockerEngine, DockerEngineOptions } from './engine/docker/docker-engine.js'
export type {
  Container,
  ContainerExit,
  ContainerLimits,
  Engine,
  EngineAdvice,
  LaunchSpec,
  Runtime,
  SeccompProfile,
  SweepOptions,
} from './engine/engine.js'
export type { UserIdRange } from './engine/user-ids.js'
export type { ImageStore, PullOptions } from './engine/image-store.js'
export { SandboxError, SandboxFileError } from './errors.js'
export type { SandboxErrorCode, SandboxErrorJson, SandboxErrorOptions } from './errors.js'
export { ExecHandle } from './sandbox/program/handle.js'
export type {
  BytesOutput,
  ExecOptions,
  ProgramOptions,
  TextOutput,
} from './sandbox/program/options.js'
export type { ProgramEnded } from './sandbox/program/program-ended.js'
export type { CodeError, RichResult } from './sandbox/streams/rich-result.js'
export type {
  CodeEnd,
  CodeResult,
  ContextState,
  ExecEnd,
  ExecEvent,
  ExecResult,
  KilledBy,
  Usage,
} from './sandbox/program/result.js'
export type {
  ExportWorkspaceOptions,
  ImportedWorkspace,
  ImportWorkspaceOptions,
} from './sandbox/archive/options.js'
export type { Artifact, Collected } from './sandbox/files/collect.js'
export type { FileEntry } from './sandbox/files/entry.js'
export type {
  CollectOptions,
  FileCallOptions,
  ReadFileOptions,
  TreeOptions,
  WriteFileOptions,
} from './sandbox/files/options.js'
export { parseJson } from './util/json.js'
export type { JsonLimits } from './util/json.js'
export type { Language } from './languages/built-in.js'
export type { LeaseEnd, Released } from './pool/lease.js'
export type { PoolEvent, PoolStats, StartReport } from './pool/types.js'
export type { LogMatch } from './sandbox/process/log-watch.js'
export { SandboxProcess } from './sandbox/process/process.js'
export type { ProcessLogs, WaitForOptions } from './sandbox/process/process.js'
export type { StartProcessOptions } from './sandbox/process/processes.js'
export { Sandbox } from './sandbox/sandbox.js'
export type { CodeHandle } from './sandbox/sandbox.js'
export type { AcquireSandboxOptions as AcquireOptions, SandboxAbout } from './sandbox/about.js'
export type { SandboxSession, SessionEnd } from './sandbox/session-handle.js'
export type {
  EndedSession,
  OnSessionEnd,
  OnSessionStart,
  SessionFilter,
  SessionInfo,
  SessionOptions,
  StartedSession,
} from './sessions/types.js'
export type { SandboxFiles } from './sandbox/sandbox-files.js'
export type { Finding, LanguageReport } from './doctor/report.js'
export type { Grade } from './doctor/probes/evidence.js'
export type { Isolation } from './schemas/isolation.js'
export type { DoctorOptions, DoctorReport } from './pool-doctor.js'
export type { ContainerFacts, HostMount, RuntimeFacts } from './engine/container-facts.js'
export { SandboxPool } from './sandbox-pool.js'
export type {
  LanguageStart,
  LanguageStats,
  SandboxPoolEvent,
  SandboxPoolEvents,
  StartReports,
  WarmMemory,
} from './sandbox-pool.js'
export type { ContainerOptions } from './languages/container-options.js'
export type { LanguageOptions, PoolLanguages, SandboxPoolOptions } from './config/pool-options.js'
export { closeSandboxes, getSandboxes, initSandboxes } from './default-pool.js'
export type { SizeBounds } from './pool/warm-size.js'
