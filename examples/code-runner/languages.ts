import type { LanguageOptions, PoolLanguages } from 'hono-sandbox'
import { createDockerEngine, SandboxError } from 'hono-sandbox'

/** As `npm run setup` pulls or builds it. */
const DATA_IMAGES = [
  'quay.io/jupyter/scipy-notebook:2025-03-14',
  'hono-sandbox/python-data:bookworm',
]
/** How long the engine may take to tell which image it has. */
const CHOICE_MS = 4000
const DATA_MODULES = ['numpy', 'pandas', 'matplotlib.pyplot']

/** The names of the languages that this server runs. */
export const LANGUAGES = ['python', 'nodejs', 'typescript'] as const

/** What its pool is made with. */
export async function chooseLanguages(): Promise<PoolLanguages> {
  return { python: await choosePython(), nodejs: {}, typescript: {} }
}

/** With the data packages, imported already, where they are there and no other image is named. */
async function choosePython(): Promise<LanguageOptions> {
  if (process.env.SANDBOX_BASE_PYTHON_IMAGE) return {}
  const engine = createDockerEngine({ timeoutMs: CHOICE_MS })
  try {
    for (const image of DATA_IMAGES) {
      if (await engine.hasImage(image)) return { image, preload: DATA_MODULES }
    }
  } catch (error) {
    // The pool says so in its own words, and tries again.
    if (!(error instanceof SandboxError)) throw error
  } finally {
    engine.close()
  }
  return {}
}
