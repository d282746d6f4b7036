import { readFile } from 'node:fs/promises'
import { applyEdits, modify } from 'jsonc-parser'
import { SandboxError } from '../errors.js'
import { rewrite } from './rewrite.js'

/** The configuration file of Docker's engine. */
export const DAEMON_CONFIG = '/etc/docker/daemon.json'

// Debian's runsc of 2022: its kvm platform hangs, and it refuses to run with a network here.
const RUNSC_ARGS = ['--platform=ptrace', '--network=none']

/**
 * The text of a daemon.json with gVisor in it; `undefined` if gVisor is in it already. Everything else
 * stays as it is written, numbers and indentation included: the text is edited, not printed again.
 *
 * @throws TypeError or SyntaxError if the text is not a JSON object.
 */
export function withRunsc(text: string, runsc: string): string | undefined {
  const source = text.trim() === '' ? '{}\n' : text
  const config: unknown = JSON.parse(source)
  if (!isRecord(config)) throw new TypeError('it is not a JSON object')
  const runtimes = config.runtimes ?? {}
  if (!isRecord(runtimes)) throw new TypeError('its "runtimes" is not an object')
  if ('runsc' in runtimes) return undefined
  const runtime = { path: runsc, runtimeArgs: RUNSC_ARGS }
  const [path, value] =
    'runtimes' in config && config.runtimes !== null
      ? [['runtimes', 'runsc'], runtime]
      : [['runtimes'], { runsc: runtime }]
  return applyEdits(source, modify(source, path, value, { formattingOptions: styleOf(source) }))
}

/** Whether gVisor is in the engine's configuration file. */
export async function hasRunsc(config = DAEMON_CONFIG): Promise<boolean> {
  return (await merge(config, 'runsc')) === undefined
}

/** Puts gVisor into the engine's configuration file; an engine that runs does not notice. */
export async function registerRunsc(runsc: string, config = DAEMON_CONFIG): Promise<void> {
  const merged = await merge(config, runsc)
  if (merged !== undefined) await rewrite(config, merged)
}

async function merge(config: string, runsc: string): Promise<string | undefined> {
  try {
    return withRunsc(await readOrEmpty(config), runsc)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SandboxError('SANDBOX_SETUP_FAILED', `${config} cannot be read: ${reason}`, {
      cause,
      suggestion:
        'The engine reads plain JSON, without comments or trailing commas: repair the file, then ' +
        'run this again. It was left as it is',
    })
  }
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

/** How a text is indented, from its first indented line. */
function styleOf(text: string) {
  const [, indent = '  '] = /^([ \t]+)\S/m.exec(text) ?? []
  return {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 1 : indent.length,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
