/**
 * Imported before a program of the docs: the models that it names are scripted. Each calls the first
 * tool with a calculation, and answers with the results. Node runs this file, so it imports only
 * packages.
 */
import { setDefaultModelProvider } from '@openai/agents'
import {
  assistantMessage,
  functionCall,
  modelResponder,
  ScriptedModel,
} from '@openai/agents/testing'
import { customProvider } from 'ai'
import { MockLanguageModelV4 } from 'ai/test'

const COMMAND = 'echo $((6 * 7))'

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
}

const model = new MockLanguageModelV4({
  doGenerate: async ({ prompt, tools = [] }) => {
    const results = prompt.findLast(({ role }) => role === 'tool')
    if (results) {
      const text = JSON.stringify(results.content)
      const finishReason = { unified: 'stop', raw: undefined } as const
      return { content: [{ type: 'text', text }], finishReason, usage, warnings: [] }
    }
    const toolName = tools[0]?.name ?? ''
    const input = JSON.stringify(toolName === 'runCode' ? { code: '6 * 7' } : { command: COMMAND })
    const finishReason = { unified: 'tool-calls', raw: undefined } as const
    const content = [{ type: 'tool-call', toolCallId: '1', toolName, input } as const]
    return { content, finishReason, usage, warnings: [] }
  },
})
globalThis.AI_SDK_DEFAULT_PROVIDER = customProvider({ languageModels: { 'openai/gpt-5.2': model } })

setDefaultModelProvider({
  // The SDK asks for a model in each turn.
  getModel: () =>
    new ScriptedModel([
      modelResponder(({ request: { input, tools } }) => {
        const text = JSON.stringify(input)
        if (text.includes('_output"') || text.includes('_result"')) return [assistantMessage(text)]
        return tools.some(({ type }) => type === 'shell')
          ? [{ type: 'shell_call', callId: '1', action: { commands: [COMMAND] } }]
          : [functionCall('exec_command', { cmd: COMMAND }, { callId: '1' })]
      }),
    ]),
})
