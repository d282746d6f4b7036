/**
 * Runs a command with bash if the image has it, because harnesses and models write commands for
 * bash.
 */
const SCRIPT = 'command -v bash > /dev/null && exec bash -c "$1"; exec sh -c "$1"'

/** Returns the program and the arguments that run a command line of a model or an SDK. */
export function shellCommand(command: string): readonly string[] {
  return ['/bin/sh', '-c', SCRIPT, 'sh', command]
}
