import type { AgentName } from './built-in.js'
import { AGENT_NAMES, AGENTS, LANGUAGES } from './built-in.js'
import type { ImageContents } from './manifest.js'

/** An image that `hono-sandbox setup` gets: from a registry, or built from distribution packages. */
export interface SetupImage extends ImageContents {
  /** The language, or the addition to a language, as set-up prints it. */
  name: string
  /** The image that is pulled if a registry answers. */
  registry: string
  /** The tag of the image that is built from distribution packages. */
  local: string
  /** The environment variable by which the operator names another image. */
  variable?: string
  /** The option of `hono-sandbox setup` that asks for the image; without it, set-up always gets it. */
  option?: string
}

/** The images that set-up always gets: one for each agent. */
export const BASE_IMAGES: readonly SetupImage[] = AGENT_NAMES.map(baseImage)

function baseImage(name: AgentName): SetupImage {
  const { images, contents, imageVariable } = AGENTS[name]
  const [registry, local] = images
  return { name, registry, local, variable: imageVariable, ...contents }
}

/** The images that set-up gets if its option asks for them, by the name of the option. */
export const EXTRA_IMAGES = {
  data: {
    name: 'data',
    registry: 'quay.io/jupyter/scipy-notebook:2025-03-14',
    local: 'hono-sandbox/python-data:bookworm',
    option: '--data',
    // An operator who names an image for Python has put into it what is needed.
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
    option: '--compiler',
    packages: ['python3', 'tcc', 'libc6-dev'],
  },
} as const satisfies Readonly<Record<string, SetupImage>>

/** The name of an image that set-up gets on request. */
export type ExtraImage = keyof typeof EXTRA_IMAGES

/** A sentence that tells the operator how to get a missing image: any one of `images` will do. */
export function howToGet(images: readonly string[]): string {
  const [image = '', ...others] = images
  if (others.length > 0) return 'Run `npx hono-sandbox setup`, or pull one of them'
  const known: readonly SetupImage[] = [...BASE_IMAGES, ...Object.values(EXTRA_IMAGES)]
  const built = known.find(({ local }) => local === image)
  if (!built) return `Pull or build it, as with \`docker pull ${image}\``
  const { registry, option } = built
  const setup = ['npx hono-sandbox setup', ...(option ? [option] : [])].join(' ')
  return (
    `Run \`${setup} --from-packages\` to build it, ` +
    `or name ${registry}, which \`${setup}\` pulls`
  )
}
