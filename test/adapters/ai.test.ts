import { tool, ToolLoopAgent } from 'ai'
import { MockLanguageModelV4 } from 'ai/test'
import { aiSandbox } from 'hono-sandbox/adapters'
import { expect, it } from 'vitest'

it('loads', () => {
  expect([tool, ToolLoopAgent, MockLanguageModelV4, aiSandbox]).toHaveLength(4)
})
