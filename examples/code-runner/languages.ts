import type { LanguageOptions, PoolLanguages } from 'hono-sandbox'
import { createDockerEngine, SandboxError } from 'hono-sandbox'

/** The images with data packages. `npm run setup` pulls the first one or builds the second one. */
const DATA_IMAGES = [
  'quay.io/jupyter/scipy-notebook:2025-03-14',
  'hono-sandbox/python-data:bookworm',
]
/** The time limit for asking the engine whether it has an image. */
const LOOKUP_MS = 4000
const DATA_MODULES = ['numpy', 'pandas', 'matplotlib.pyplot']

/** The names of the languages that this server runs. */
export const LANGUAGES = ['python', 'nodejs', 'typescript'] as const

/** Returns the languages for the pool of this server, with their options. */
export async function chooseLanguages(): Promise<PoolLanguages> {
  return { python: await choosePython(), nodejs: {}, typescript: {} }
}

/**
 * Returns the options of Python. If the engine has an image with data packages, uses that image and
 * imports the packages in advance, unless `SANDBOX_BASE_PYTHON_IMAGE` names another image.
 */
async function choosePython(): Promise<LanguageOptions> {
  if (process.env.SANDBOX_BASE_PYTHON_IMAGE) return {}
  const engine = createDockerEngine({ timeoutMs: LOOKUP_MS })
  try {
    for (const image of DATA_IMAGES) {
      if (await engine.hasImage(image)) return { image, preload: DATA_MODULES }
    }
  } catch (error) {
    // If the engine does not answer, the pool reports the error later and retries.
    if (!(error instanceof SandboxError)) throw error
  } finally {
    engine.close()
  }
  return {}
}
