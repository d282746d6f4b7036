import type { Runtime } from '../engine/engine.js'
import { SandboxError } from '../errors.js'
import type { SetupContext, Step } from './context.js'
import { isUnavailable } from './context.js'
import { OLD_GVISOR } from './gvisor.js'
import { ensureImage, findImage, howToGetImage } from './getting.js'
import { BASE_IMAGES, EXTRA_IMAGES } from '../languages/setup-images.js'

const NO_GVISOR =
  'gvisor   not registered with this engine: install runsc, name it under "runtimes" in the ' +
  "engine's daemon.json, restart the engine"

/** The plan of set-up. */
export interface Plan {
  /** The lines of the plan, which are printed before the first step. */
  lines: readonly string[]
  /** The steps that make an engine answer; empty if one answers already. */
  engine: readonly Step[]
  /** The steps that get the images. */
  images: readonly Step[]
}

/**
 * Checks which parts exist, and plans the missing ones: an engine that answers, and an image for each
 * language. It changes nothing.
 *
 * @throws SandboxError `SANDBOX_SETUP_FAILED` if set-up cannot succeed.
 */
export async function planSetup(context: SetupContext): Promise<Plan> {
  const wanted = [...BASE_IMAGES, ...(context.extras ?? []).map((name) => EXTRA_IMAGES[name])]
  const { engine: port } = context
  let runtimes: readonly Runtime[] | undefined
  let engine: readonly Step[] = []
  try {
    runtimes = await port.runtimes()
  } catch (error) {
    engine = await stepsToEngine(error, context)
  }
  const here: string[] = []
  const images: Step[] = []
  for (const image of wanted) {
    context.signal.throwIfAborted()
    const found = runtimes && (await findImage(image, context))
    const run = () => ensureImage(image, context)
    if (found !== undefined) here.push(found)
    else images.push({ what: howToGetImage(image, context), run })
  }
  const tools = images.length > 0 ? ((await context.machine?.missingForBuild()) ?? []) : []
  const getting = images.map(itemOf)
  if (tools.length > 0)
    getting.push(`         To build, it installs ${tools.join(', ')} with apt-get.`)
  const lines = runtimes
    ? [
        ...describeEngine(engineIs(port.address, runtimes), here, getting),
        ...(await hintsOf(runtimes, context)),
      ]
    : describeStart(port.address, engine.map(itemOf), getting)
  return { lines, engine, images }
}

/** Prepares a machine so that a pool can start. It prints the plan before it changes anything. */
export async function setup(context: SetupContext): Promise<void> {
  const { engine, say, signal } = context
  try {
    const plan = await planSetup(context)
    for (const line of plan.lines) say(line, { event: 'plan' })
    await runAll(plan.engine, signal)
    if (plan.engine.length > 0) {
      const runtimes = await engine.runtimes()
      say(`engine   ${engineIs(engine.address, runtimes)}`)
      for (const line of await hintsOf(runtimes, context)) say(line, { event: 'hint' })
    }
    await runAll(plan.images, signal)
  } catch (error) {
    // After an interrupt the error names the signal, and not a child process that was killed by it.
    signal.throwIfAborted()
    throw error
  }
}

async function runAll(steps: readonly Step[], signal: AbortSignal): Promise<void> {
  for (const step of steps) {
    signal.throwIfAborted()
    await step.run()
  }
}

async function stepsToEngine(error: unknown, context: SetupContext): Promise<readonly Step[]> {
  const { engine, env, machine } = context
  if (!isUnavailable(error)) throw error
  if (env.DOCKER_HOST || !machine) throw noEngine(context, error)
  const answers = () =>
    engine.runtimes().then(
      () => true,
      () => false,
    )
  return machine.engineSteps({ answers, reason: error })
}

function describeEngine(
  engine: string,
  here: readonly string[],
  getting: readonly string[],
): readonly string[] {
  if (getting.length === 0) return [`set-up   nothing to do: ${engine} has ${here.join(', ')}`]
  const there = here.length > 0 ? ` has ${here.join(', ')}` : ''
  return [`engine   ${engine}${there}`, 'set-up   will do this:', ...getting]
}

function describeStart(
  address: string,
  starting: readonly string[],
  getting: readonly string[],
): readonly string[] {
  return [
    `engine   no engine answers at ${address}`,
    'set-up   will do this on this machine:',
    ...starting,
    '         and then, for each image that the engine does not have:',
    ...getting,
    '         To avoid this, stop set-up, and start Docker yourself or name an engine in DOCKER_HOST.',
  ]
}

function itemOf({ what }: Step): string {
  return `         - ${what}`
}

function engineIs(address: string, runtimes: readonly Runtime[]): string {
  const names = runtimes.map(({ name }) => name).sort()
  return `${address} (${names.join(', ')})`
}

/**
 * Returns a hint if the first runtime, which a pool uses by default, shares the kernel of the host, or is
 * an old gVisor. The engine does not tell the version of a runtime, so only this machine is checked.
 */
async function hintsOf(
  [preferred]: readonly Runtime[],
  { env, machine }: SetupContext,
): Promise<readonly string[]> {
  if (!preferred?.hasOwnKernel) return [NO_GVISOR]
  return !env.DOCKER_HOST && (await machine?.hasOldGvisor()) ? [OLD_GVISOR] : []
}

function noEngine({ engine, env }: SetupContext, cause: SandboxError): SandboxError {
  const reason = cause.cause instanceof Error ? cause.cause.message : cause.message
  return new SandboxError(
    'SANDBOX_SETUP_FAILED',
    `no container engine answers at ${engine.address} (${reason})\n${adviceOn(cause, env)}`,
    { cause },
  )
}

function adviceOn({ cause }: SandboxError, env: SetupContext['env']): string {
  if (cause instanceof Error && 'code' in cause && cause.code === 'EACCES') {
    return (
      'this user may not use the engine: run this as root, or as a member of the group that owns ' +
      'the socket (usually docker)'
    )
  }
  if (env.DOCKER_HOST) {
    return (
      'DOCKER_HOST names that address: start the engine there, or correct the variable\n' +
      'without DOCKER_HOST, set-up looks for an engine on this machine'
    )
  }
  return (
    'start Docker and run this again, or name an engine elsewhere in DOCKER_HOST\n' +
    'as root on Debian or Ubuntu, this command installs and starts one by itself'
  )
}
