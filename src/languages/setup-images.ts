import type { AgentName } from './built-in.js'
import { AGENT_NAMES, AGENTS, LANGUAGES } from './built-in.js'
import type { ImageContents } from './manifest.js'

/**
 * An image that `hono-sandbox setup` pulls from a registry or builds from distribution packages.
 */
export interface SetupImage extends ImageContents {
  /** The name that set-up prints: the language, or the addition to a language. */
  name: string
  /** The image that is pulled if a registry answers. */
  registry: string
  /** The tag of the image that is built from distribution packages. */
  local: string
  /** The environment variable with which the operator chooses another image. */
  variable?: string
  /**
   * The option of `hono-sandbox setup` that requests the image. If this field is missing, set-up
   * always gets the image.
   */
  option?: string
}

/** The images that `hono-sandbox setup` always gets: one for each agent. */
export const BASE_IMAGES: readonly SetupImage[] = AGENT_NAMES.map(baseImage)

function baseImage(name: AgentName): SetupImage {
  const { images, contents, imageVariable } = AGENTS[name]
  const [registry, local] = images
  return { name, registry, local, variable: imageVariable, ...contents }
}

/** The images that `hono-sandbox setup` gets only on request. Each has an option of the command. */
export const EXTRA_IMAGES = {
  data: {
    name: 'data',
    registry: 'quay.io/jupyter/scipy-notebook:2025-03-14',
    local: 'hono-sandbox/python-data:bookworm',
    option: '--data',
    // If the operator chose another image for Python, set-up gets that image instead: it must
    // contain the packages.
    variable: LANGUAGES.python.imageVariable,
    packages: ['python3', 'python3-numpy', 'python3-pandas', 'python3-matplotlib'],
    // The SciPy package depends on Pythran, a compiler from Python to C++, and so on a large part
    // of a C++ toolchain. Without these files the image has 517 MB instead of 1180 MB.
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
    // Builds Matplotlib's cache of fonts. Without it, the first import of pyplot in a new container
    // takes half a second more under gVisor.
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
    option: '--compiler',
    packages: ['python3', 'tcc', 'libc6-dev'],
  },
} as const satisfies Readonly<Record<string, SetupImage>>

/** The name of an image that `hono-sandbox setup` gets only on request. */
export type ExtraImage = keyof typeof EXTRA_IMAGES

/**
 * Returns a sentence that tells the operator how to get a missing image. Any one of `images` is
 * enough.
 */
export function howToGet(images: readonly string[]): string {
  const [image = '', ...others] = images
  if (others.length > 0) return 'Run `npx hono-sandbox setup`, or pull one of these images'
  const known: readonly SetupImage[] = [...BASE_IMAGES, ...Object.values(EXTRA_IMAGES)]
  const built = known.find(({ local }) => local === image)
  if (!built) return `Pull it with \`docker pull ${image}\`, or build it`
  const { registry, option } = built
  const setup = ['npx hono-sandbox setup', ...(option ? [option] : [])].join(' ')
  return (
    `Run \`${setup} --from-packages\` to build it, ` +
    `or use the image ${registry}, which \`${setup}\` pulls`
  )
}
