import { Channel } from './agent/channel.js'
import { deadlineIn } from './deadline.js'
import type { Engine } from './engine/engine.js'
import { OWNER_LABEL } from './engine/engine.js'
import { SandboxError } from './errors.js'
import type { Language } from './languages.js'
import { LANGUAGES } from './languages.js'
import type { Settings } from './settings.js'

/** An agent that has not spoken by then never will. */
const FIRST_WORD_MS = 30_000
const GVISOR = 'runsc'
const PLAIN = 'runc'
/** Tasks of the host behind one of gVisor's programs: its own threads count against the limit. */
const GVISOR_TASKS = 4

/** Makes warm containers: chooses runtime and image, starts the agent, waits for its first word. */
export class Launcher {
  readonly #engine: Engine
  readonly #settings: Settings
  readonly #owner: string
  readonly #images = new Map<Language, string>()
  #runtime: string | undefined

  constructor(engine: Engine, settings: Settings, owner: string) {
    this.#engine = engine
    this.#settings = settings
    this.#owner = owner
  }

  /** The runtime, once it is chosen. */
  get runtime(): string | undefined {
    return this.#runtime
  }

  /** The image in use, or the one that is looked for first. */
  imageOf(language: Language): string {
    return this.#images.get(language) ?? this.#candidates(language)[0] ?? ''
  }

  /**
   * gVisor where the engine has it, else runc with one warning, unless the operator chose.
   *
   * @throws SandboxError `SANDBOX_RUNTIME_MISSING`
   */
  async chooseRuntime(): Promise<string> {
    if (this.#runtime) return this.#runtime
    const listed = await this.#engine.runtimes()
    const { runtime } = this.#settings
    if (runtime !== 'auto' && !listed.includes(runtime)) {
      throw new SandboxError(
        'SANDBOX_RUNTIME_MISSING',
        `the engine at ${this.#engine.address} has no runtime ${runtime}, only ${listed.join(', ')}`,
      )
    }
    // Another launch may have chosen, and warned, while the engine answered.
    this.#runtime ??= runtime === 'auto' ? automatic(listed) : runtime
    return this.#runtime
  }

  async launch(language: Language, name: string, signal: AbortSignal): Promise<Channel> {
    signal.throwIfAborted()
    const runtime = await this.chooseRuntime()
    const image = await this.#findImage(language)
    const { command, reaper } = LANGUAGES[language]
    const labels = { [OWNER_LABEL]: this.#owner, 'hono-sandbox.pool': language }
    const { limits } = this.#settings
    const pids = limits.pids * (runtime === GVISOR ? GVISOR_TASKS : 1)
    const spec = { ...limits, pids, name, image, runtime, command, reaper, labels }
    try {
      const container = await this.#engine.launch(spec, signal)
      const firstWord = deadlineIn(FIRST_WORD_MS, signal)
      return await Channel.open(container, firstWord.signal).finally(firstWord.clear)
    } catch (error) {
      // It was deleted, perhaps: the next launch looks again.
      if (isMissing(error)) this.#images.delete(language)
      throw error
    }
  }

  async #findImage(language: Language): Promise<string> {
    const known = this.#images.get(language)
    if (known) return known
    const candidates = this.#candidates(language)
    for (const image of candidates) {
      if (!(await this.#engine.hasImage(image))) continue
      this.#images.set(language, image)
      return image
    }
    throw new SandboxError(
      'SANDBOX_IMAGE_MISSING',
      `the engine has no image for ${language}: looked for ${candidates.join(', ')}`,
      { suggestion: 'Run `npx hono-sandbox setup`, or pull it' },
    )
  }

  #candidates(language: Language): readonly string[] {
    return this.#settings.languages.get(language)?.images ?? []
  }
}

function automatic(listed: readonly string[]): string {
  if (listed.includes(GVISOR)) return GVISOR
  const suggestion = `Install gVisor, or set SANDBOX_RUNTIME=${PLAIN} if its isolation is enough for you`
  if (process.env.NODE_ENV === 'production') {
    throw new SandboxError('SANDBOX_RUNTIME_MISSING', 'the engine has no gVisor (runsc)', {
      suggestion,
    })
  }
  process.emitWarning(
    `the engine has no gVisor (runsc), sandboxes run under ${PLAIN}. ${suggestion}`,
    {
      type: 'SandboxWarning',
      code: 'SANDBOX_RUNTIME_MISSING',
    },
  )
  return PLAIN
}

function isMissing(error: unknown): boolean {
  return error instanceof SandboxError && error.code === 'SANDBOX_IMAGE_MISSING'
}
