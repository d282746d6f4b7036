export { computeProvider } from './compute/provider.js'
export type * from './compute/types.js'
export { deepAgentsBackend } from './deep-agents/backend.js'
export type { DeepAgentsOptions } from './deep-agents/backend.js'
export type * from './deep-agents/types.js'
export { mastraSandbox } from './mastra/sandbox.js'
export type { MastraSandboxOptions } from './mastra/sandbox.js'
export type * from './mastra/types.js'
export type { ProviderOptions } from './shared/provider-options.js'
export { tanstackProvider } from './tanstack/provider.js'
export type * from './tanstack/types.js'
export { aiSandbox } from './ai/sandbox.js'
export type { AiSandboxOptions } from './ai/sandbox.js'
export type {
  AiCommand,
  AiFileCall,
  AiInputProcess,
  AiProcess,
  AiSandbox,
  AiSpawn,
  AiWriteCall,
} from './ai/types.js'
export type { ShellResult } from './shared/shell-result.js'
export { openaiClient, openaiSession } from './openai/client.js'
export type { OpenAiClient } from './openai/client.js'
export { openaiShell } from './openai/shell.js'
export type { OpenAiShell, OpenAiShellAction, OpenAiShellOutput } from './openai/shell.js'
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
} from './openai/types.js'
export { harnessSandbox } from './ai/harness.js'
export type {
  HarnessLease,
  HarnessProvider,
  HarnessSession,
  HarnessSessionOptions,
} from './ai/harness.js'
export { tools } from './tools/tools.js'
export type { SandboxTool, SandboxTools, ToolsOptions } from './tools/tools.js'
export type { TextInputs } from './tools/text-inputs.js'
export type { CodeOutput, ModelOutput, OutputImage } from './tools/output.js'
