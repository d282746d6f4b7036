import type { LanguageOptions, PoolLanguages } from 'hono-sandbox'
import { createDockerEngine, SandboxError } from 'hono-sandbox'

/** The images with data packages. `npm run setup` pulls the first one or builds the second one. */
const DATA_IMAGES = [
  'quay.io/jupyter/scipy-notebook:2025-03-14',
  'hono-sandbox/python-data:bookworm',
]
/** The time limit for asking the engine whether it has an image. */
const LOOKUP_MS = 4000
/**
 * The memory of a container with the data packages, unless `SANDBOX_MAX_MEMORY` is set. Under gVisor
 * the packages hold 130 MiB before any code. Each process that a program forks soon holds 50 MiB of
 * them again, and six figures of 12 by 9 inches take 110 MiB.
 */
const DATA_MEMORY = '512m'
const DATA_MODULES = ['numpy', 'pandas', 'matplotlib.pyplot']

/** Returns the languages for the pool of this server, with their options. */
export async function chooseLanguages(engine: 'docker' | 'kubernetes'): Promise<PoolLanguages> {
  // Which images the nodes of a cluster can pull is known only to the operator.
  const python = engine === 'docker' ? await choosePython() : {}
  return { python, nodejs: {}, typescript: {} }
}

/**
 * Returns the options of Python. If the engine has an image with data packages, uses that image and
 * imports the packages in advance, unless `SANDBOX_BASE_PYTHON_IMAGE` names another image.
 */
async function choosePython(): Promise<LanguageOptions> {
  if (process.env.SANDBOX_BASE_PYTHON_IMAGE) return {}
  const memory = process.env.SANDBOX_MAX_MEMORY ? undefined : DATA_MEMORY
  const engine = createDockerEngine({ timeoutMs: LOOKUP_MS })
  try {
    for (const image of DATA_IMAGES) {
      if (await engine.hasImage(image)) return { image, preload: DATA_MODULES, memory }
    }
  } catch (error) {
    // If the engine does not answer, the pool reports the error later and retries.
    if (!(error instanceof SandboxError)) throw error
  } finally {
    engine.close()
  }
  return {}
}
