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
import { closeSandboxes } from 'hono-sandbox'

// A server that is killed while it launches a container leaves it to the next server. An SDK exits by
// itself after SIGTERM.
process.once('SIGUSR2', () => {
  void closeSandboxes({ deadlineMs: 0 }).finally(() => process.exit())
})

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

/** The answer of OpenAI's API to SDKs that have no scripted model for a name. */
function answerOf({ input, messages, tools }: Conversation): object {
  const isDone = JSON.stringify(input ?? messages).includes('call-1')
  const text = JSON.stringify((input ?? messages ?? []).at(-1))
  const names = tools.map(({ name, function: definition }) => name ?? definition?.name ?? '')
  const call = {
    name: names.find((name) => name.includes('execute')) ?? '',
    arguments: JSON.stringify({ command: COMMAND }),
  }
  if (input) {
    const said = { type: 'message', id: 'said', role: 'assistant', content: [textOf(text)] }
    const called = { type: 'function_call', id: 'called', call_id: 'call-1', ...call }
    const tokens = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
    return { id: 'r', created_at: 1, model: 'm', output: [isDone ? said : called], usage: tokens }
  }
  const called = [{ id: 'call-1', type: 'function', function: call }]
  const message = isDone ? { content: text } : { content: null, tool_calls: called }
  const choice = { index: 0, finish_reason: 'stop', message: { role: 'assistant', ...message } }
  return { id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [choice] }
}

const textOf = (text: string) => ({ type: 'output_text', text, annotations: [] })

interface Conversation {
  /** Of the API `responses`. */
  input?: unknown[]
  /** Of the API `chat/completions`. */
  messages?: unknown[]
  tools: { name?: string; function?: { name: string } }[]
}

process.env.OPENAI_API_KEY = 'scripted'
globalThis.fetch = async (url, options) => {
  const conversation: Conversation = JSON.parse(await new Request(url, options).text())
  return Response.json(answerOf(conversation))
}
