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
