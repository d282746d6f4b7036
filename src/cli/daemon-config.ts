import { readFile } from 'node:fs/promises'
import { applyEdits, modify } from 'jsonc-parser'
import { SandboxError } from '../errors.js'
import { rewrite } from './rewrite.js'

/** The configuration file of Docker's engine. */
export const DAEMON_CONFIG = '/etc/docker/daemon.json'

/** A runsc for the engine's configuration file. */
export interface RunscRuntime {
  path: string
  runtimeArgs: readonly string[]
}

/**
 * Adds gVisor to the text of a daemon.json. Returns `undefined` if gVisor is in it already. The text is
 * edited and not printed again, so that all other parts keep their form, with numbers and indentation.
 *
 * @throws TypeError or SyntaxError if the text is not a JSON object.
 */
export function withRunsc(text: string, runtime: RunscRuntime): string | undefined {
  const source = text.trim() === '' ? '{}\n' : text
  const config: unknown = JSON.parse(source)
  if (!isRecord(config)) throw new TypeError('the text is not a JSON object')
  const runtimes = config.runtimes ?? {}
  if (!isRecord(runtimes)) throw new TypeError('"runtimes" is not an object')
  if ('runsc' in runtimes) return undefined
  const [path, value] =
    'runtimes' in config && config.runtimes !== null
      ? [['runtimes', 'runsc'], runtime]
      : [['runtimes'], { runsc: runtime }]
  return applyEdits(source, modify(source, path, value, { formattingOptions: styleOf(source) }))
}

/** Returns whether the engine's configuration file has gVisor. */
export async function hasRunsc(config = DAEMON_CONFIG): Promise<boolean> {
  return (await merge(config, { path: 'runsc', runtimeArgs: [] })) === undefined
}

/** Adds gVisor to the engine's configuration file. A running engine does not read the change. */
export async function registerRunsc(runtime: RunscRuntime, config = DAEMON_CONFIG): Promise<void> {
  const merged = await merge(config, runtime)
  if (merged !== undefined) await rewrite(config, merged)
}

async function merge(config: string, runtime: RunscRuntime): Promise<string | undefined> {
  try {
    return withRunsc(await readOrEmpty(config), runtime)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SandboxError('SANDBOX_SETUP_FAILED', `${config} cannot be read: ${reason}`, {
      cause,
      suggestion:
        'Repair the file, then run this command again. The engine reads plain JSON, without ' +
        'comments or trailing commas. The file was left as it is',
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

/** Returns the indentation of a text, from its first indented line. */
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
