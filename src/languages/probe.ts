import type { Channel } from '../agent/channel.js'
import type { LanguageCommands } from './define.js'
import { interpreterOf } from './define.js'

/** An exit code that no shell gives of itself. */
const ABSENT = 86
const SCRIPT = `command -v -- "$1" >/dev/null 2>&1 || exit ${ABSENT}`

/**
 * The name of the interpreter or compiler that a language wants and its container has not;
 * `undefined` where it is there, or where nothing can be said. No user's code has run in it: the
 * container is as good as new.
 */
export async function missingInterpreter(
  channel: Channel,
  commands: LanguageCommands,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = interpreterOf(commands)
  if (name === undefined) return undefined
  const argv = ['/bin/sh', '-c', SCRIPT, 'sh', name]
  const request = { op: 'exec', argv, cwd: undefined, env: commands.env } as const
  const exchange = channel.open(request, () => {})
  exchange.end()
  const stopListening = exchange.stopOn(signal)
  const outcome = await exchange.outcome // which never rejects
  stopListening()
  signal.throwIfAborted()
  return 'done' in outcome && outcome.done.exitCode === ABSENT ? name : undefined
}
