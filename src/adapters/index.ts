export { aiSandbox } from './ai-sandbox.js'
export type { AiSandboxOptions } from './ai-sandbox.js'
export type {
  AiCommand,
  AiFileCall,
  AiInputProcess,
  AiProcess,
  AiSandbox,
  AiSpawn,
  AiWriteCall,
} from './ai-types.js'
export type { ShellResult } from './shell-result.js'
export { computeProvider } from './compute.js'
export type * from './compute-types.js'
export { deepAgentsBackend } from './deep-agents.js'
export type { DeepAgentsOptions } from './deep-agents.js'
export type * from './deep-agents-types.js'
export { mastraSandbox } from './mastra.js'
export type { MastraSandboxOptions } from './mastra.js'
export type * from './mastra-types.js'
export type { ProviderOptions } from './provider-sessions.js'
export { tanstackProvider } from './tanstack.js'
export type * from './tanstack-types.js'
