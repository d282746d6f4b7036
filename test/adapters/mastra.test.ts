import { Agent } from '@mastra/core/agent'
import type { MastraModelConfig } from '@mastra/core/llm'
import { RequestContext } from '@mastra/core/request-context'
import type { WorkspaceSandbox } from '@mastra/core/workspace'
import { Workspace } from '@mastra/core/workspace'
import { mastraSandbox } from 'hono-sandbox/adapters'
import { describe, expect, it } from 'vitest'
import { runtimes, usePool, useSandbox } from './places.js'
import { commandOf, CSV, expectPlot, RIGHT, WRONG } from './task.js'

const TOOL = 'mastra_workspace_execute_command'
/** The time limit of a command on a busy machine, in milliseconds. */
const SLOW = { timeoutMs: 150_000 }

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
}

/** A model that runs the commands, one after the other. */
function modelOf(commands: readonly string[]): MastraModelConfig {
  let at = 0
  return {
    specificationVersion: 'v4',
    provider: 'test',
    modelId: 'scripted',
    supportedUrls: {},
    doStream: () => Promise.reject(new Error('not scripted')),
    doGenerate: async () => {
      const command = commands[at++]
      const end = { usage, warnings: [] }
      if (command === undefined) {
        const content = [{ type: 'text' as const, text: 'done' }]
        return { ...end, content, finishReason: { unified: 'stop', raw: undefined } }
      }
      const call = { type: 'tool-call' as const, toolName: TOOL, toolCallId: `call-${at}` }
      const content = [{ ...call, input: JSON.stringify({ command }) }]
      return { ...end, content, finishReason: { unified: 'tool-calls', raw: undefined } }
    },
  }
}

describe.each(runtimes)('the sandbox of Mastra under %s', (runtime) => {
  const pool = usePool(runtime)
  const sandbox = useSandbox(pool)

  it('does the task of an agent, in the sandbox of its request', async () => {
    const boxes = new Map<string, WorkspaceSandbox>([['ada', mastraSandbox(sandbox(), SLOW)]])
    const workspace = new Workspace({
      sandbox: ({ requestContext }) => {
        const box = boxes.get(String(requestContext.get('user')))
        if (!box) throw new Error('the request has no sandbox')
        return box
      },
    })
    const model = modelOf([commandOf(WRONG), commandOf(RIGHT), 'echo *.png'])
    const agent = new Agent({ id: 'a', name: 'a', instructions: 'Plot.', model, workspace })
    const requestContext = new RequestContext()
    requestContext.set('user', 'ada')
    await boxes.get('ada')?.writeFiles?.([{ path: 'data.csv', content: CSV }])
    const { toolResults, text } = await agent.generate('plot the sales', { requestContext })
    expect(text).toBe('done')
    expect(toolResults.map(({ payload }) => payload.result)).toEqual([
      expect.stringMatching(/KeyError: 'sale'[^]*Exit code: 1/),
      'total 7\n',
      'plot.png\n',
    ])
    expectPlot(await sandbox().readFile('plot.png'))
  }, 180_000)

  it('describes the end of a command', async () => {
    const box: WorkspaceSandbox = mastraSandbox(sandbox(), SLOW)
    const seen: string[] = []
    const onStdout = (text: string) => void seen.push(text)
    expect(
      await box.executeCommand?.('printf', ['%s.', "it's", '$HOME'], { onStdout }),
    ).toMatchObject({ success: true, exitCode: 0, stdout: "it's.$HOME.", timedOut: false })
    expect(seen.join('')).toBe("it's.$HOME.")
    expect(await box.executeCommand?.('sleep 60', [], { timeout: 300 })).toMatchObject({
      success: false,
      exitCode: 137,
      stdout: '',
      stderr: '[killed: timeout]',
      timedOut: true,
      killed: true,
    })
    const aborted = { abortSignal: AbortSignal.abort() }
    expect(await box.executeCommand?.('sleep 60', [], aborted)).toMatchObject({
      success: false,
      timedOut: false,
      killed: true,
    })
    expect(
      await box.executeCommand?.('[[ $A ]] && echo $A; pwd', [], { env: { A: '1' }, cwd: '/tmp' }),
    ).toMatchObject({ stdout: '1\n/tmp\n' })
  })

  it('has none of the optional parts that it does not support, and ends with its lease', async () => {
    const box: WorkspaceSandbox = mastraSandbox(await pool().acquire('python'))
    for (const part of ['processes', 'networking', 'computer', 'mount', 'clone'] as const) {
      expect(box[part], part).toBeUndefined()
    }
    expect([box.status, box.supportsCheckpoints]).toEqual(['running', false])
    await box.writeFiles?.([{ path: 'bin/run', content: '#!/bin/sh\necho ran', mode: 0o755 }])
    expect(await box.executeCommand?.('bin/run')).toMatchObject({ stdout: 'ran\n' })
    await new Workspace({ sandbox: box }).destroy()
    expect(box.status).toBe('destroyed')
    await expect(box.executeCommand?.('true')).rejects.toThrow('has ended')
  })
})
