import { SandboxError } from '../errors.js'
import type { SetupContext } from './context.js'
import { isUnavailable } from './context.js'
import { nodePackageOf } from './node-package.js'
import type { SetupImage } from '../languages/setup-images.js'
import { whileProgressing } from './progress.js'

// dockerd itself waits minutes for a registry behind a firewall that drops packets.
const PULL_STALL_MS = 20_000
const PROGRESS_EVERY_MS = 2000

/** Returns the image that the operator has named in place of this one. */
function namedImage(
  { variable }: SetupImage,
  env: SetupContext['env'],
): { variable: string; name: string } | undefined {
  const name = variable === undefined ? undefined : env[variable]
  return variable !== undefined && name ? { variable, name } : undefined
}

/** Returns the accepted images, in order of preference. An image that the operator named is the only one. */
export function acceptedImages(
  image: SetupImage,
  { env, source }: Pick<SetupContext, 'env' | 'source'>,
): readonly string[] {
  const named = namedImage(image, env)
  if (named) return [named.name]
  return source === 'packages' ? [image.local] : [image.registry, image.local]
}

/** Returns the name under which the engine has the image; `undefined` if it does not have it. */
export async function findImage(
  image: SetupImage,
  context: SetupContext,
): Promise<string | undefined> {
  for (const name of acceptedImages(image, context)) {
    if (await context.engine.hasImage(name)) return name
  }
  return undefined
}

/** Returns the line of the plan for {@link ensureImage}, if the engine does not have the image. */
export function howToGetImage(image: SetupImage, context: SetupContext): string {
  const named = namedImage(image, context.env)
  if (named) return `pull ${named.name}, which ${named.variable} names`
  const pulling = context.source === 'registry' ? [`pull ${image.registry}`] : []
  if (!context.machine) {
    if (pulling.length === 0) throw noImage(image, ['only root on Debian or Ubuntu can build it'])
    return pulling.join()
  }
  // The registry may have an image for an architecture without a known Node package.
  if (pulling.length > 0 && image.nodePackages && !image.nodePackages[process.arch]) {
    return pulling.join()
  }
  const node = nodePackageOf(image)
  const from = node ? ` and the npm package ${node.name}@${node.version}` : ''
  const building = `build ${image.local} from Debian packages${from}`
  return [...pulling, building].join('; if that fails, ')
}

/** Makes sure that the engine has the image: found, pulled or built. */
export async function ensureImage(image: SetupImage, context: SetupContext): Promise<void> {
  const { env, say } = context
  const label = labelOf(image.name)
  const found = await findImage(image, context)
  const language = image.name
  if (found !== undefined) {
    return say(`${label} ${found} is available`, { event: 'available', language, image: found })
  }
  const named = namedImage(image, env)
  if (named) return pullNamed(named, language, context)

  const failures: string[] = []
  const attempt = async (action: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      context.signal.throwIfAborted()
      // Without an engine, an image that is built now could not be imported.
      if (isUnavailable(error)) throw error
      failures.push(`${action}: ${messageOf(error)}`)
      return false
    }
  }
  if (context.source === 'registry') {
    const pulled = await attempt(`pulling ${image.registry}`, () =>
      pull(image.registry, language, context),
    )
    if (pulled) return
    const refused = { event: 'refused', language, image: image.registry } as const
    say(`${label} ${image.registry} could not be pulled`, refused)
  }
  const built = await attempt(`building ${image.local}`, () => build(image, context))
  if (!built) throw noImage(image, failures)
}

function noImage({ name, variable }: SetupImage, failures: readonly string[]): SandboxError {
  const lines = [`there is no image for ${name}`, ...failures]
  if (variable) lines.push(`set ${variable} to name an image that the engine has or can pull`)
  return new SandboxError('SANDBOX_SETUP_FAILED', lines.join('\n'))
}

async function pullNamed(
  { variable, name }: { variable: string; name: string },
  language: string,
  context: SetupContext,
): Promise<void> {
  try {
    await pull(name, language, context)
  } catch (cause) {
    throw new SandboxError(
      'SANDBOX_SETUP_FAILED',
      `${variable} names ${name}, which the engine neither has nor can pull: ${messageOf(cause)}`,
      { cause },
    )
  }
}

async function build(image: SetupImage, context: SetupContext): Promise<void> {
  const { name: language, local } = image
  if (!context.machine) {
    throw new SandboxError('SANDBOX_SETUP_FAILED', 'only root on Debian or Ubuntu can build it')
  }
  const say = (text: string, event: 'building' | 'built') =>
    context.say(`${labelOf(language)} ${text}`, { event, language, image: local })
  say(`building ${local} from distribution packages...`, 'building')
  await context.machine.buildImage(image)
  say(`${local} is built`, 'built')
}

async function pull(name: string, language: string, context: SetupContext): Promise<void> {
  const { engine, signal } = context
  const say = (text: string, event: 'pulling' | 'progress' | 'pulled') =>
    context.say(`${labelOf(language)} ${text}`, { event, language, image: name })
  say(`pulling ${name}...`, 'pulling')
  let saidAt = Date.now()
  await whileProgressing({ stallMs: PULL_STALL_MS, signal }, (signal, progress) => {
    const onProgress = (line: string) => {
      progress()
      if (signal.aborted || Date.now() - saidAt < PROGRESS_EVERY_MS) return
      saidAt = Date.now()
      say(line, 'progress')
    }
    return engine.pull(name, { onProgress, signal })
  })
  say(`${name} is pulled`, 'pulled')
}

function labelOf(language: string): string {
  return language.padEnd(8)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
