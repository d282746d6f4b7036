import type { HarnessV1 } from '@ai-sdk/harness'

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
}
const finishReason = { unified: 'stop', raw: undefined } as const

/**
 * A harness that runs beside the sandbox. Its model takes each prompt as a program, runs it in the
 * folder of the session, and answers with its output.
 */
export const scriptedHarness: HarnessV1 = {
  specificationVersion: 'harness-v1',
  harnessId: 'scripted',
  builtinTools: {},
  getBootstrap: async () => ({
    harnessId: 'scripted',
    bootstrapDir: '/workspace/.scripted',
    files: [{ path: '/workspace/.scripted/hello.txt', content: 'hello' }],
    commands: [{ command: 'cat /workspace/.scripted/hello.txt' }],
  }),
  doStart: async ({ sessionId, sandboxSession, sessionWorkDir, resumeFrom }) => {
    const state = async () => ({
      type: 'resume-session' as const,
      harnessId: 'scripted',
      specificationVersion: 'harness-v1' as const,
      data: {},
    })
    const never = async () => {
      throw new Error('the scripted harness does not do this')
    }
    return {
      sessionId,
      isResume: resumeFrom !== undefined,
      doPromptTurn: async ({ prompt, abortSignal, emit }) => {
        const turn = async () => {
          const { stdout, stderr } = await sandboxSession.run({
            command: 'python3 -c "$PROGRAM"',
            env: { PROGRAM: typeof prompt === 'string' ? prompt : JSON.stringify(prompt) },
            workingDirectory: sessionWorkDir,
            abortSignal,
          })
          emit({ type: 'stream-start' })
          emit({ type: 'text-start', id: '1' })
          emit({ type: 'text-delta', id: '1', delta: stdout + stderr })
          emit({ type: 'text-end', id: '1' })
          emit({ type: 'finish-step', finishReason, usage })
          emit({ type: 'finish', finishReason, totalUsage: usage })
        }
        return { done: turn(), submitToolResult: never }
      },
      doCompact: never,
      doContinueTurn: never,
      doSuspendTurn: never,
      doDetach: state,
      doStop: state,
      doDestroy: async () => {},
    }
  },
}
