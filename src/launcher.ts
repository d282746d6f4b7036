import { Channel } from './agent/channel.js'
import { deadlineIn } from './util/deadline.js'
import type { Container, Engine, Runtime } from './engine/engine.js'
import { UserIds } from './engine/user-ids.js'
import { SandboxError } from './errors.js'
import { missingInterpreter } from './languages/probe.js'
import type { Language } from './languages/built-in.js'
import type { LanguagePlan, Settings } from './config/settings.js'
import { howToGet } from './languages/setup-images.js'

/** The time limit for the hello of a new agent. */
const HELLO_MS = 30_000

/** The memory of a warm container of one language. */
export interface WarmMemory {
  /** The memory that the container holds before any code, in bytes, as the engine measures it. */
  usedBytes: number
  /** The memory limit of the container, in bytes. */
  limitBytes: number
}

/** Makes warm containers: chooses runtime and image, starts the agent, waits for its hello. */
export class Launcher {
  readonly #engine: Engine
  readonly #settings: Settings
  readonly #owner: string
  readonly #userIds: UserIds
  readonly #images = new Map<Language, string>()
  /** The pairs of language and image whose commands were found. */
  readonly #probed = new Set<string>()
  /** The measurements of memory, one for each language. */
  readonly #memory = new Map<Language, Promise<WarmMemory | undefined>>()
  readonly #runtimes = new Map<Language, string>()
  /** The runtimes with a shared kernel that the process was warned of. */
  readonly #warned = new Set<string>()
  /** The runtimes of the engine, which is asked once for all languages. */
  #listed: Promise<readonly Runtime[]> | undefined

  constructor(engine: Engine, settings: Settings, owner: string) {
    this.#engine = engine
    this.#settings = settings
    this.#owner = owner
    this.#userIds = new UserIds(settings.userIds)
  }

  /** Returns the runtime of a language; `undefined` until it is chosen. */
  runtimeOf(language: Language): string | undefined {
    return this.#runtimes.get(language)
  }

  /** Returns the image in use, or the first candidate. */
  imageOf(language: Language): string {
    return this.#images.get(language) ?? this.#planOf(language).images[0] ?? ''
  }

  /**
   * Returns the memory of the first warm container of the language. It is `undefined` if no container
   * is warm yet, or if the engine cannot measure it.
   */
  async memoryOf(language: Language): Promise<WarmMemory | undefined> {
    return this.#memory.get(language)
  }

  /**
   * Chooses the runtime of each language: the one that the operator named, or the one that the engine
   * prefers. Warns once if the programs of the preferred runtime share the kernel of the host.
   *
   * @throws SandboxError `SANDBOX_RUNTIME_MISSING` if the engine does not have one of them,
   * `SANDBOX_INVALID_OPTION` if one of them ignores a seccomp profile of the operator.
   */
  async chooseRuntimes(): Promise<void> {
    for (const language of this.#settings.languages.keys()) await this.#chooseRuntime(language)
  }

  async #chooseRuntime(language: Language): Promise<string> {
    const known = this.#runtimes.get(language)
    if (known !== undefined) return known
    const { runtime, limits } = this.#planOf(language)
    this.#listed ??= this.#engine.runtimes()
    try {
      const chosen = this.#select(await this.#listed, runtime)
      if (chosen.hasOwnKernel && typeof limits.seccomp === 'object') {
        throw profileWithoutEffect(language, chosen)
      }
      this.#runtimes.set(language, chosen.name)
      return chosen.name
    } catch (error) {
      // The operator may add a runtime or start the engine, so the next launch asks again.
      this.#listed = undefined
      throw error
    }
  }

  #select(listed: readonly Runtime[], runtime: string): Runtime {
    const isAutomatic = runtime === 'auto'
    const chosen = isAutomatic ? listed[0] : listed.find(({ name }) => name === runtime)
    if (!chosen) {
      const names = listed.map(({ name }) => name).sort()
      const missing = isAutomatic ? 'no runtime' : `no runtime ${runtime}, only ${names.join(', ')}`
      throw new SandboxError(
        'SANDBOX_RUNTIME_MISSING',
        `the engine at ${this.#engine.address} has ${missing}`,
      )
    }
    if (isAutomatic && !chosen.hasOwnKernel && !this.#warned.has(chosen.name)) {
      warnOfSharedKernel(chosen, this.#engine)
      this.#warned.add(chosen.name)
    }
    return chosen
  }

  async launch(language: Language, name: string, signal: AbortSignal): Promise<Channel> {
    signal.throwIfAborted()
    const runtime = await this.#chooseRuntime(language)
    const plan = this.#planOf(language)
    const image = await this.#findImage(language, plan.images)
    const { command, reaper, limits } = plan
    const owner = this.#owner
    const user = this.#userIds.take()
    const spec = { ...limits, name, owner, language, image, runtime, user, command, reaper }
    let container: Container | undefined
    try {
      container = await this.#engine.launch(spec, signal)
      void container.exited.then(() => this.#userIds.release(user))
      const helloDeadline = deadlineIn(HELLO_MS, signal)
      return await this.#open(container, { language, image, plan }, helloDeadline.signal).finally(
        helloDeadline.clear,
      )
    } catch (error) {
      if (!container) this.#userIds.release(user)
      if (!isMissing(error)) throw error
      // The image may have been deleted, so the next launch searches again.
      this.#images.delete(language)
      throw this.#noImage(language, plan.images, error)
    }
  }

  /** Sends the bundle and waits for hello. Probes the commands once for each language and image. */
  async #open(
    container: Container,
    { language, image, plan }: { language: Language; image: string; plan: LanguagePlan },
    signal: AbortSignal,
  ): Promise<Channel> {
    container.stdin.write(plan.bundle.frameFor(image))
    const channel = await Channel.open(container, signal)
    if (!this.#memory.has(language)) {
      this.#memory.set(language, measure(language, container, plan.limits.memoryBytes))
    }
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
    const image = await this.#engine.findImage(candidates)
    if (image === undefined) throw this.#noImage(language, candidates)
    this.#images.set(language, image)
    return image
  }

  /** Without advice of the engine, the suggestion names set-up, which supports only Docker. */
  #noImage(language: Language, images: readonly string[], cause?: unknown): SandboxError {
    return new SandboxError(
      'SANDBOX_IMAGE_MISSING',
      `the engine has no image for ${language}: looked for ${images.join(', ')}`,
      { cause, suggestion: this.#engine.advice.howToGetImage ?? howToGet(images) },
    )
  }

  #planOf(language: Language): LanguagePlan {
    const plan = this.#settings.languages.get(language)
    if (plan) return plan
    throw new SandboxError('SANDBOX_UNKNOWN_LANGUAGE', `there is no ${language} in this pool`)
  }
}

/** Measures a warm container, and warns if it leaves less than half of its memory to programs. */
async function measure(
  language: Language,
  container: Container,
  limitBytes: number,
): Promise<WarmMemory | undefined> {
  const usedBytes = await container.usedMemory?.().catch(() => undefined)
  if (usedBytes === undefined) return undefined
  if (usedBytes > limitBytes / 2) {
    const numbers = `${inMiB(usedBytes)} of its ${inMiB(limitBytes)} MiB of memory`
    process.emitWarning(
      `a warm ${language} sandbox holds ${numbers} before any code. Raise memory, or preload less`,
      { type: 'SandboxWarning', code: 'SANDBOX_LOW_MEMORY' },
    )
  }
  return { usedBytes, limitBytes }
}

function inMiB(bytes: number): number {
  return Math.round(bytes / 1024 ** 2)
}

/** Returns the error for a seccomp profile of the operator that the kernel of the runtime ignores. */
function profileWithoutEffect(language: Language, { name }: Runtime): SandboxError {
  return new SandboxError(
    'SANDBOX_INVALID_OPTION',
    `${language} has a seccomp profile, which has no effect under ${name}, because programs run on its own kernel`,
    { suggestion: 'Remove seccompProfile or SANDBOX_SECCOMP_PROFILE, or name another runtime' },
  )
}

/** @throws SandboxError in production, because a warning could be overlooked there. */
function warnOfSharedKernel({ name }: Runtime, { advice }: Engine): void {
  const { strongerRuntime, howToGetRuntime } = advice
  const suggestion = `${howToGetRuntime}, or set SANDBOX_RUNTIME=${name} if its isolation is enough for you`
  const message = `the engine has no ${strongerRuntime}`
  if (process.env.NODE_ENV === 'production') {
    throw new SandboxError('SANDBOX_RUNTIME_MISSING', message, { suggestion })
  }
  process.emitWarning(`${message}, sandboxes run under ${name}. ${suggestion}`, {
    type: 'SandboxWarning',
    code: 'SANDBOX_RUNTIME_MISSING',
  })
}

function isMissing(error: unknown): boolean {
  return error instanceof SandboxError && error.code === 'SANDBOX_IMAGE_MISSING'
}
