import type { Channel } from '../agent/channel.js'
import type { LanguageCommands } from './define.js'
import { interpreterOf } from './define.js'

/** An exit code that a shell does not return by itself. */
const ABSENT = 86
const SCRIPT = `command -v -- "$1" >/dev/null 2>&1 || exit ${ABSENT}`
const PROBE = ['/bin/sh', '-c', SCRIPT, 'sh']

/**
 * Returns the name of the interpreter or compiler that a language needs and its container does not
 * have. Returns `undefined` if the container has it, or if the check has no clear result. The check
 * runs no user code, so the container can still be leased.
 */
export async function missingInterpreter(
  channel: Channel,
  commands: LanguageCommands,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = interpreterOf(commands)
  if (name === undefined) return undefined
  const argv = [...PROBE, name]
  const request = { op: 'exec', argv, cwd: undefined, env: commands.env } as const
  const exchange = channel.open(request, () => {})
  exchange.end()
  const stopListening = exchange.stopOn(signal)
  const outcome = await exchange.outcome // never rejects
  stopListening()
  signal.throwIfAborted()
  return 'done' in outcome && outcome.done.exitCode === ABSENT ? name : undefined
}

/** Returns whether a command is the one that looks for an interpreter or a compiler. */
export function isProbe(argv: readonly string[]): boolean {
  return PROBE.every((word, at) => word === argv[at])
}
