import type { RunEvent, SocketRun } from 'hono-sandbox/client'
import { runSocket, runStream } from 'hono-sandbox/client'
import type { LocalFiles } from './local-files.js'
import type { Program } from './programs.js'

/** The first message of a WebSocket has at most 1 MiB; a larger program is sent as a form. */
const MAX_MESSAGE = 1_000_000

/** A run in a container of its own. */
export interface PlainRun {
  events: AsyncIterable<RunEvent> | Promise<AsyncIterable<RunEvent>>
  /** The input of the run; absent if it can get none. */
  input?: Pick<SocketRun, 'write' | 'eof'>
  /** Interrupts the program. The second call kills it. */
  stop: () => void
}

/** Runs a program in a container of its own, with the files of the user. */
export async function plainRun(
  program: Program & { timeoutMs: number },
  files: LocalFiles,
): Promise<PlainRun> {
  const message = JSON.stringify({ ...program, collect: true, files: await files.forJson() })
  if (message.length > MAX_MESSAGE) return formRun(program, files)
  const run = runSocket('/run/interactive', message)
  let isInterrupted = false
  const stop = () => {
    if (isInterrupted) run.kill()
    else run.interrupt()
    isInterrupted = true
  }
  return { events: run, input: run, stop }
}

function formRun(
  { language, code, timeoutMs }: Program & { timeoutMs: number },
  files: LocalFiles,
) {
  const leave = new AbortController()
  const body = files.asForm()
  body.set('language', language)
  body.set('code', code)
  body.set('timeoutMs', String(timeoutMs))
  body.set('collect', 'true')
  const events = runStream('/run/stream', { method: 'POST', body, signal: leave.signal })
  const stop = () => leave.abort(new Error('stopped by you'))
  return { events, stop }
}
