import type { McpServer } from '@modelcontextprotocol/server'
import { SandboxError } from '../errors.js'
import type { ExecHandle } from '../sandbox/program/handle.js'
import type { ExecResult } from '../sandbox/program/result.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { Host } from './host.js'
import { imagesOf } from './images.js'
import type { inputsOf } from './inputs.js'
import type { LeftFiles } from './left-files.js'
import { filesOf, filesSince } from './left-files.js'
import { OUTPUTS } from './outputs.js'
import { codeContent, execContent, programResult } from './program-result.js'
import { Progress } from './progress.js'
import { McpSessions } from './sessions.js'
import type { ToolCall } from './tool-errors.js'
import { answering } from './tool-errors.js'

/** The greatest output that a program may write, in bytes. A program that writes more is killed. */
const MAX_OUTPUT_BYTES = 1_048_576

/** The options of each program that a tool runs. */
interface RunOptions {
  timeoutMs: number
  signal: AbortSignal
  maxOutputBytes: number
  onStdout: (text: string) => void
  onStderr: (text: string) => void
}

/** Adds the tools that run programs. */
export function addProgramTools(
  server: McpServer,
  host: Host,
  inputs: ReturnType<typeof inputsOf>,
): void {
  const sessions = new McpSessions(host)
  const { maxTextLength } = host.bounds

  server.registerTool(
    'run_code',
    {
      title: 'Run code',
      description:
        'Runs code in an isolated container. Returns its output, the value of its last expression, ' +
        'the images that it displayed, and the files that it wrote to /workspace. In a session, ' +
        'variables, imports and files stay for the next run.',
      inputSchema: inputs.runCode,
      outputSchema: OUTPUTS.runCode,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false },
    },
    answering(host, async ({ code, language, session, timeoutMs }, call) => {
      const lease = { signal: call.signal, timeoutMs }
      const box =
        session === undefined
          ? await sessions.acquire(language, lease)
          : await sessions.visit(session, lease)
      try {
        if (box.language !== language) throw otherLanguage(box.language)
        const [cell] = box.listCodeContexts()
        const { result, files } = await run(box, { ...call, timeoutMs }, (options) =>
          box.runCode(code, { ...options, context: cell }),
        )
        const images = await imagesOf(box, result.results, files, host.bounds)
        const left = { session, files, images }
        return programResult(codeContent(result, left, maxTextLength), left)
      } finally {
        box.release()
      }
    }),
  )

  server.registerTool(
    'exec',
    {
      title: 'Run a command',
      description:
        'Runs a command line with /bin/sh in the container of a session, in /workspace. Returns ' +
        'its output and the files that it wrote.',
      inputSchema: inputs.exec,
      outputSchema: OUTPUTS.exec,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false },
    },
    answering(host, async ({ session, command, timeoutMs }, call) => {
      const box = await sessions.visit(session, { signal: call.signal, timeoutMs })
      try {
        const { result, files } = await run(box, { ...call, timeoutMs }, (options) =>
          box.exec(command, options),
        )
        const left = { session, files, images: await imagesOf(box, [], files, host.bounds) }
        return programResult(execContent(result, left, maxTextLength), left)
      } finally {
        box.release()
      }
    }),
  )
}

/** Runs a program to its end, and finds the files that it wrote. */
async function run<Result extends ExecResult>(
  box: Sandbox,
  { signal, context, timeoutMs }: ToolCall & { timeoutMs: number },
  start: (options: RunOptions) => ExecHandle<string, Result>,
): Promise<{ result: Result; files: LeftFiles }> {
  // The workspace of a container that nobody has used is empty.
  const before = box.session ? await filesOf(box) : []
  const progress = new Progress(context)
  try {
    const onStdout = progress.write
    const options = { timeoutMs, signal, maxOutputBytes: MAX_OUTPUT_BYTES, onStdout }
    const result = await start({ ...options, onStderr: progress.write })
    return { result, files: await filesSince(box, before) }
  } finally {
    progress.end()
  }
}

function otherLanguage(language: string): SandboxError {
  const message = `run_code: the session runs ${language}, not this language`
  const suggestion = 'Name this language, or start another session'
  return new SandboxError('SANDBOX_INVALID_OPTION', message, { suggestion })
}
