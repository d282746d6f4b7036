export { computeProvider } from './compute.js'
export type * from './compute-types.js'
export { deepAgentsBackend } from './deep-agents.js'
export type { DeepAgentsOptions } from './deep-agents.js'
export type * from './deep-agents-types.js'
export { mastraSandbox } from './mastra.js'
export type { MastraSandboxOptions } from './mastra.js'
export type * from './mastra-types.js'
export type { ProviderOptions } from './provider-options.js'
export { tanstackProvider } from './tanstack.js'
export type * from './tanstack-types.js'
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
export { openaiClient, openaiSession } from './openai.js'
export type { OpenAiClient } from './openai.js'
export { openaiShell } from './openai-shell.js'
export type { OpenAiShell, OpenAiShellAction, OpenAiShellOutput } from './openai-shell.js'
export type {
  OpenAiCommand,
  OpenAiEdit,
  OpenAiEditor,
  OpenAiEntry,
  OpenAiExecResult,
  OpenAiFileCall,
  OpenAiManifest,
  OpenAiOptions,
  OpenAiSdk,
  OpenAiSession,
} from './openai-types.js'
export { harnessSandbox } from './harness-sandbox.js'
export type {
  HarnessLease,
  HarnessProvider,
  HarnessSession,
  HarnessSessionOptions,
} from './harness-sandbox.js'
export { tools } from './tools.js'
export type { SandboxTool, SandboxTools, ToolsOptions } from './tools.js'
export type { TextInputs } from './text-inputs.js'
export type { CodeOutput, ModelOutput, OutputImage } from './tool-output.js'
