import type { Message, Model } from './model.js'
import type { Workbench } from './tools.js'
import { runTool, TOOLS } from './tools.js'

const MAX_TURNS = 20

const INSTRUCTIONS =
  'You answer questions about the files in the working directory. Use the tools, repair your ' +
  'errors, and return the files that the user wants. Then answer in one short paragraph.'

/**
 * Works on a task: asks the model, runs the tools that it calls, and tells it the results, until it
 * answers with a text.
 *
 * @throws Error if the model has no answer after 20 turns.
 */
export async function work(model: Model, task: string, workbench: Workbench): Promise<string> {
  const messages: Message[] = [
    { role: 'system', content: INSTRUCTIONS },
    { role: 'user', content: task },
  ]
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const reply = await model(messages, TOOLS, workbench.box.signal)
    messages.push(reply)
    if (reply.tool_calls.length === 0) return reply.content ?? ''
    for (const call of reply.tool_calls) {
      const content = await runTool(call, workbench)
      messages.push({ role: 'tool', tool_call_id: call.id, content })
    }
  }
  throw new Error(`the model has no answer after ${MAX_TURNS} turns`)
}
