import { SandboxError } from '../errors.js'
import type { SetupContext } from './context.js'
import { BASE_IMAGES, ensureImage, EXTRA_IMAGES } from './images.js'

const NO_GVISOR =
  'gvisor   not registered with this engine: install runsc, name it under "runtimes" in the ' +
  "engine's daemon.json, restart the engine"

/** Brings a machine to where a pool can start: an engine that answers, an image a language. */
export async function setup(context: SetupContext): Promise<void> {
  const { engine, say, signal } = context
  try {
    const runtimes = await ensureEngine(context)
    say(`engine   ${engine.address} (${runtimes.join(', ')})`)
    if (!runtimes.includes('runsc')) say(NO_GVISOR)
    const extras = (context.extras ?? []).map((name) => EXTRA_IMAGES[name])
    for (const image of [...BASE_IMAGES, ...extras]) {
      signal.throwIfAborted()
      await ensureImage(image, context)
    }
  } catch (error) {
    // What fails because we were told to stop says so, not that some child was killed.
    signal.throwIfAborted()
    throw error
  }
}

async function ensureEngine(context: SetupContext): Promise<readonly string[]> {
  const { engine, env, machine, say } = context
  try {
    return await engine.runtimes()
  } catch (error) {
    if (!isUnavailable(error)) throw error
    if (env.DOCKER_HOST || !machine) throw noEngine(context, error)
  }
  say(`engine   none answers at ${engine.address}`)
  const answers = () =>
    engine.runtimes().then(
      () => true,
      () => false,
    )
  await machine.startEngine(answers)
  return engine.runtimes()
}

function isUnavailable(error: unknown): error is SandboxError {
  return error instanceof SandboxError && error.code === 'SANDBOX_ENGINE_UNAVAILABLE'
}

function noEngine({ engine, env }: SetupContext, cause: SandboxError): SandboxError {
  const advice = env.DOCKER_HOST
    ? 'DOCKER_HOST names that address: start the engine there, or correct the variable\n' +
      'without DOCKER_HOST, set-up looks for an engine on this machine'
    : 'start Docker and run this again, or name an engine elsewhere in DOCKER_HOST\n' +
      'as root on Debian or Ubuntu, this command installs and starts one by itself'
  return new SandboxError(
    'SANDBOX_SETUP_FAILED',
    `no container engine answers at ${engine.address} (${cause.message})\n${advice}`,
    { cause },
  )
}
