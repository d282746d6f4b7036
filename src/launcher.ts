import { Channel } from './agent/channel.js'
import { deadlineIn } from './util/deadline.js'
import type { Container, Engine, LaunchSpec } from './engine/engine.js'
import { OWNER_LABEL } from './engine/engine.js'
import { SandboxError } from './errors.js'
import { missingInterpreter } from './languages/probe.js'
import type { Language } from './languages/built-in.js'
import type { LanguagePlan, Settings } from './config/settings.js'
import { howToGet } from './languages/setup-images.js'

/** An agent that has not spoken by then never will. */
const FIRST_WORD_MS = 30_000
const GVISOR = 'runsc'
const PLAIN = 'runc'
/**
 * gVisor's own threads count against the engine's limit: measured 13 tasks of the host for a process
 * of Python, 45 for one of Node with 11 threads, 50 to 70 for an idle sandbox. If the limit is met the
 * whole sandbox dies, so it has room, and gVisor's own kernel bounds the programs.
 */
const GVISOR_TASKS = 16
const GVISOR_OWN_TASKS = 128

/** Makes warm containers: chooses runtime and image, starts the agent, waits for its first word. */
export class Launcher {
  readonly #engine: Engine
  readonly #settings: Settings
  readonly #owner: string
  readonly #images = new Map<Language, string>()
  /** What was looked at once and had all it needs, by language and image. */
  readonly #probed = new Set<string>()
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
    return this.#images.get(language) ?? this.#planOf(language).images[0] ?? ''
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
    const plan = this.#planOf(language)
    const image = await this.#findImage(language, plan.images)
    const { command, reaper } = plan
    const labels = { [OWNER_LABEL]: this.#owner, 'hono-sandbox.pool': language }
    const { limits } = this.#settings
    const spec = {
      ...limits,
      ...pidsOf(runtime, limits.pids),
      name,
      image,
      runtime,
      command,
      reaper,
      labels,
    }
    try {
      const container = await this.#engine.launch(spec, signal)
      const firstWord = deadlineIn(FIRST_WORD_MS, signal)
      return await this.#open(container, { language, image, plan }, firstWord.signal).finally(
        firstWord.clear,
      )
    } catch (error) {
      if (!isMissing(error)) throw error
      // It was deleted, perhaps: the next launch looks again.
      this.#images.delete(language)
      throw noImage(language, plan.images, error)
    }
  }

  /** Sends the agent, and waits for its first word and, once a language and image, a look at what its code runs by. */
  async #open(
    container: Container,
    { language, image, plan }: { language: Language; image: string; plan: LanguagePlan },
    signal: AbortSignal,
  ): Promise<Channel> {
    container.stdin.write(plan.bundle.frameFor(image))
    const channel = await Channel.open(container, signal)
    if (channel.codeCache) plan.bundle.keep(image, channel.codeCache)
    const { commands } = plan
    const probe = `${language} ${image}`
    if (!commands || this.#probed.has(probe)) return channel
    try {
      const missing = await missingInterpreter(channel, commands, signal)
      if (missing !== undefined) {
        throw new SandboxError(
          'SANDBOX_INTERPRETER_MISSING',
          `${language} needs ${JSON.stringify(missing)}, which the image ${image} does not have`,
          { suggestion: 'Name an image that has it on its PATH' },
        )
      }
      this.#probed.add(probe)
      return channel
    } catch (error) {
      await channel.remove().catch(() => {})
      throw error
    }
  }

  async #findImage(language: Language, candidates: readonly string[]): Promise<string> {
    const known = this.#images.get(language)
    if (known) return known
    for (const image of candidates) {
      if (!(await this.#engine.hasImage(image))) continue
      this.#images.set(language, image)
      return image
    }
    throw noImage(language, candidates)
  }

  #planOf(language: Language): LanguagePlan {
    const plan = this.#settings.languages.get(language)
    if (plan) return plan
    throw new SandboxError('SANDBOX_UNKNOWN_LANGUAGE', `there is no ${language} in this pool`)
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

function noImage(language: Language, images: readonly string[], cause?: unknown): SandboxError {
  return new SandboxError(
    'SANDBOX_IMAGE_MISSING',
    `the engine has no image for ${language}: looked for ${images.join(', ')}`,
    { cause, suggestion: howToGet(images) },
  )
}

/** How the engine and the runtime bound processes and threads. gVisor may have several names, as `runsc-kvm`. */
function pidsOf(runtime: string, pids: number): Pick<LaunchSpec, 'pids' | 'userPids'> {
  if (!runtime.startsWith(GVISOR)) return { pids }
  return { pids: pids * GVISOR_TASKS + GVISOR_OWN_TASKS, userPids: pids }
}

function isMissing(error: unknown): boolean {
  return error instanceof SandboxError && error.code === 'SANDBOX_IMAGE_MISSING'
}
