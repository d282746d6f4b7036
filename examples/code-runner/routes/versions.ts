import type { SandboxPool } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'

const COMMANDS = {
  python: ['python3', '--version'],
  nodejs: ['node', '--version'],
  // The interpreter of TypeScript is Node.
  typescript: ['node', '--version'],
}
const VERSION = /\d+\.\d+[\w.]*/
/** The time limits for a free container and for the command, in milliseconds. */
const ACQUIRE_MS = 2000
const COMMAND_MS = 5000

/** A language and the image of its containers. */
interface Interpreter {
  name: keyof typeof COMMANDS
  image: string
}

/** The versions of the interpreters. Each one is asked for once, in a container. */
export class Versions {
  readonly #known = new Map<string, Promise<string | null>>()

  /** Returns the version of an interpreter; `null` if it is not known. */
  async of(interpreter: Interpreter, pool: SandboxPool | undefined): Promise<string | null> {
    if (!pool) return null
    const key = `${interpreter.name} ${interpreter.image}`
    const known = this.#known.get(key) ?? versionOf(interpreter, pool)
    this.#known.set(key, known)
    let version: string | null = null
    try {
      version = await known
      return version
    } finally {
      if (version === null) this.#known.delete(key) // A later request asks again.
    }
  }
}

async function versionOf({ name }: Interpreter, pool: SandboxPool): Promise<string | null> {
  try {
    const box = await pool.acquire(name, { timeoutMs: ACQUIRE_MS })
    try {
      const { stdout } = await box.exec(COMMANDS[name], { timeoutMs: COMMAND_MS })
      return VERSION.exec(stdout)?.[0] ?? null
    } finally {
      box.release()
    }
  } catch (error) {
    if (error instanceof SandboxError) return null
    throw error
  }
}
