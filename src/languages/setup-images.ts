import { LANGUAGES } from './built-in.js'

/** An image that set-up gets: from a registry, or built from distribution packages. */
export interface SetupImage {
  registry: string
  local: string
  /** The options of `hono-sandbox setup` that ask for it. */
  options: string
}

/** What set-up gets if it is asked to, by the name of its option. */
export const EXTRAS = {
  data: {
    registry: 'quay.io/jupyter/scipy-notebook:2025-03-14',
    local: 'hono-sandbox/python-data:bookworm',
    options: ' --data',
  },
  compiler: {
    registry: 'python:3.13',
    local: 'hono-sandbox/c:bookworm',
    options: ' --compiler',
  },
} as const satisfies Readonly<Record<string, SetupImage>>

/** The sentence that tells how to get an image that is missing: one of these would do. */
export function howToGet(images: readonly string[]): string {
  const [image = '', ...others] = images
  if (others.length > 0) return 'Run `npx hono-sandbox setup`, or pull one of them'
  const built = known().find(({ local }) => local === image)
  if (!built) return `Pull or build it, as with \`docker pull ${image}\``
  const { registry, options } = built
  return (
    `Run \`npx hono-sandbox setup${options} --from-packages\` to build it, ` +
    `or name ${registry}, which \`npx hono-sandbox setup${options}\` pulls`
  )
}

function known(): SetupImage[] {
  const ofLanguages = Object.values(LANGUAGES).map(({ images: [registry, local] }) => ({
    registry,
    local,
    options: '',
  }))
  return [...ofLanguages, ...Object.values(EXTRAS)]
}
