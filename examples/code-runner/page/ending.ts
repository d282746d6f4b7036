import type { ExitEvent } from 'hono-sandbox/client'
import { SandboxClientError } from 'hono-sandbox/client'
import { plainName } from './plain-name.js'

/** The reasons for which a program is killed, in words. */
const REASONS: Readonly<Record<string, string>> = {
  timeout: 'stopped at the time limit',
  oom: 'stopped because it used too much memory',
  pids: 'stopped because it started too many processes',
  output: 'stopped because it wrote too much output',
  disk: 'stopped because it wrote too much to its disk',
  abort: 'stopped by you',
  shutdown: 'stopped because the server shuts down',
  crash: 'stopped because its container crashed',
}

/** The length of the name of an error: the program chooses it. */
const MAX_NAME = 60

/** The end of a run in words. */
export interface Ending {
  text: string
  isGood: boolean
}

/** Returns the end of a program in words. */
export function endingOf(exit: ExitEvent, line: number | undefined): Ending {
  const { killedBy, error, exitCode, signal } = exit
  const after = `after ${seconds(exit.durationMs)}`
  const lost = exit.context === 'lost' ? '. Its variables are lost' : ''
  if (killedBy) return { text: `${REASONS[killedBy] ?? killedBy} ${after}${lost}`, isGood: false }
  const place = line === undefined ? '' : ` on line ${line}`
  if (error)
    return {
      text: `${plainName(error.name).slice(0, MAX_NAME)}${place} ${after}${lost}`,
      isGood: false,
    }
  if (signal) return { text: `ended by ${signal} ${after}${lost}`, isGood: false }
  return { text: `exit code ${exitCode} ${after}${lost}`, isGood: exitCode === 0 }
}

/** Returns the error of a run that has no end, in words. */
export function failureOf(error: unknown): Ending {
  const isBusy = error instanceof SandboxClientError && error.retryAfterMs !== undefined
  const text = error instanceof Error ? error.message : String(error)
  return { text: isBusy ? `${text}. Try again soon` : text, isGood: false }
}

/** Returns a duration in words. */
function seconds(ms: number): string {
  return ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`
}
