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
  const label = image.name.padEnd(8)
  const found = await findImage(image, context)
  if (found !== undefined) return say(`${label} ${found} is available`)
  const named = namedImage(image, env)
  if (named) return pullNamed(named, label, context)

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
      pull(image.registry, label, context),
    )
    if (pulled) return
    say(`${label} ${image.registry} could not be pulled`)
  }
  const built = await attempt(`building ${image.local}`, () => build(image, label, context))
  if (!built) throw noImage(image, failures)
}

function noImage({ name, variable }: SetupImage, failures: readonly string[]): SandboxError {
  const lines = [`there is no image for ${name}`, ...failures]
  if (variable) lines.push(`set ${variable} to name an image that the engine has or can pull`)
  return new SandboxError('SANDBOX_SETUP_FAILED', lines.join('\n'))
}

async function pullNamed(
  { variable, name }: { variable: string; name: string },
  label: string,
  context: SetupContext,
): Promise<void> {
  try {
    await pull(name, label, context)
  } catch (cause) {
    throw new SandboxError(
      'SANDBOX_SETUP_FAILED',
      `${variable} names ${name}, which the engine neither has nor can pull: ${messageOf(cause)}`,
      { cause },
    )
  }
}

async function build(image: SetupImage, label: string, context: SetupContext): Promise<void> {
  if (!context.machine) {
    throw new SandboxError('SANDBOX_SETUP_FAILED', 'only root on Debian or Ubuntu can build it')
  }
  context.say(`${label} building ${image.local} from distribution packages...`)
  await context.machine.buildImage(image)
  context.say(`${label} ${image.local} is built`)
}

async function pull(name: string, label: string, context: SetupContext): Promise<void> {
  const { engine, say, signal } = context
  say(`${label} pulling ${name}...`)
  let saidAt = Date.now()
  await whileProgressing({ stallMs: PULL_STALL_MS, signal }, (signal, progress) => {
    const onProgress = (line: string) => {
      progress()
      if (signal.aborted || Date.now() - saidAt < PROGRESS_EVERY_MS) return
      saidAt = Date.now()
      say(`${label} ${line}`)
    }
    return engine.pull(name, { onProgress, signal })
  })
  say(`${label} ${name} is pulled`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
