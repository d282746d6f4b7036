export { createDockerEngine } from './engine/docker.js'
export type { DockerEngineOptions } from './engine/docker.js'
export type { Container, ContainerExit, Engine, LaunchSpec, PullOptions } from './engine/engine.js'
export { SandboxError, SandboxFileError } from './errors.js'
export type { SandboxErrorCode, SandboxErrorOptions } from './errors.js'
export type { FileEntry } from './files.js'
export type { Language } from './languages.js'
export type { LeaseEnd, Released } from './lease.js'
export type { AcquireOptions, PoolEvent, PoolStats, StartReport } from './pool-types.js'
export type { ExecResult, KilledBy, ProgramOptions, Usage } from './program.js'
export { Sandbox } from './sandbox.js'
export type { ReadFileOptions, RunCodeOptions } from './sandbox.js'
export { SandboxPool } from './sandbox-pool.js'
export type {
  LanguageStats,
  SandboxPoolEvent,
  SandboxPoolEvents,
  StartReports,
} from './sandbox-pool.js'
export type { LanguageOptions, SandboxPoolOptions } from './settings.js'
export { closeSandboxes, getSandboxes, initSandboxes } from './singleton.js'
