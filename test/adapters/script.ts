import { MockLanguageModelV4 } from 'ai/test'

/** A call of a tool, or the final text of a model. */
type Step = { tool: string; input: unknown } | string

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
}

/** Makes a model of the AI SDK that takes one step for each call, whatever it is asked. */
export function scripted(steps: readonly Step[]): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    doGenerate: steps.map((step, at) =>
      typeof step === 'string'
        ? {
            content: [{ type: 'text', text: step }],
            finishReason: { unified: 'stop', raw: undefined },
            usage,
            warnings: [],
          }
        : {
            content: [
              {
                type: 'tool-call',
                toolCallId: `call-${at}`,
                toolName: step.tool,
                input: JSON.stringify(step.input),
              },
            ],
            finishReason: { unified: 'tool-calls', raw: undefined },
            usage,
            warnings: [],
          },
    ),
  })
}

/** Returns what the model was told about the results of its calls, as JSON. */
export function toldTo(model: MockLanguageModelV4): string[] {
  return model.doGenerateCalls.map(({ prompt }) =>
    JSON.stringify(prompt.findLast(({ role }) => role === 'tool')?.content ?? null),
  )
}
