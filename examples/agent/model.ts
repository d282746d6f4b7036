import * as v from 'valibot'

const ToolCall = v.object({
  id: v.string(),
  type: v.literal('function'),
  function: v.object({ name: v.string(), arguments: v.string() }),
})
const Reply = v.object({
  role: v.literal('assistant'),
  content: v.nullish(v.string(), null),
  tool_calls: v.optional(v.array(ToolCall), []),
})
const Choice = v.object({ message: Reply })
const Completion = v.object({ choices: v.tupleWithRest([Choice], Choice) })

/** The answer of a model: a text, or calls of tools. */
export type Reply = v.InferOutput<typeof Reply>

/** A message of a chat, in the format of the OpenAI API. */
export type Message =
  | { role: 'system' | 'user'; content: string }
  | { role: 'tool'; tool_call_id: string; content: string }
  | Reply

/** A tool that a model can call. `parameters` is a JSON Schema. */
export interface ToolDescription {
  type: 'function'
  function: { name: string; description: string; parameters: object }
}

/** Returns the next message of a chat. */
export type Model = (
  messages: readonly Message[],
  tools: readonly ToolDescription[],
  signal: AbortSignal,
) => Promise<Reply>

/**
 * Returns a model that a chat endpoint compatible with OpenAI serves. The URL has the name of the
 * model as a parameter, and the API key as its password:
 * `https://:KEY@host/v1/chat/completions?model=NAME`.
 */
export function chatModel(address: string): Model {
  const url = new URL(address)
  const model = url.searchParams.get('model') ?? undefined
  const key = decodeURIComponent(url.password)
  url.username = url.password = url.search = ''

  return async (messages, tools, signal) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key && { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ model, messages, tools }),
      signal,
    })
    if (!response.ok) throw new Error(`the model answered with the status ${response.status}`)
    return v.parse(Completion, await response.json()).choices[0].message
  }
}
