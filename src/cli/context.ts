import type { Engine } from '../engine/engine.js'
import type { ImageStore } from '../engine/image-store.js'
import { SandboxError } from '../errors.js'
import type { ExtraImage, SetupImage } from '../languages/setup-images.js'

/** One thing that set-up does. */
export interface Step {
  /** What it does, for the plan: a line that begins with a verb. */
  what: string
  run: () => Promise<void>
}

/** What an engine must do before set-up goes on. */
export interface EngineWanted {
  /** Whether the engine's API answers by now. */
  answers: () => Promise<boolean>
  /** Why it does not answer yet. */
  reason: SandboxError
}

/** What set-up does on the machine itself; a machine that may not be changed has none. */
export interface Machine {
  /** What makes a container engine answer, in order. It looks, and changes nothing. */
  engineSteps(wanted: EngineWanted): Promise<readonly Step[]>
  /** The packages that {@link buildImage} installs before it builds. */
  missingForBuild(): Promise<readonly string[]>
  /** Builds the image's root file system, imports it, and leaves no file behind. */
  buildImage(image: SetupImage): Promise<void>
}

/** What set-up needs of an engine. It launches nothing. */
export type SetupEngine = Pick<Engine, 'address' | 'runtimes'> & ImageStore

/** All that the steps of set-up share. */
export interface SetupContext {
  engine: SetupEngine
  /** The process's environment, or a test's. */
  env: Readonly<Record<string, string | undefined>>
  /** Where images come from: `packages` asks no registry. */
  source: 'registry' | 'packages'
  /** What is wanted beside the images of the languages. */
  extras?: readonly ExtraImage[]
  /** `undefined` unless this is root on Debian or Ubuntu. */
  machine: Machine | undefined
  /** Ends child processes and waiting; its reason is the error that set-up fails with. */
  signal: AbortSignal
  /** Prints one line of progress. */
  say: (line: string) => void
}

/** Whether an engine call failed because no engine answers. */
export function isUnavailable(error: unknown): error is SandboxError {
  return error instanceof SandboxError && error.code === 'SANDBOX_ENGINE_UNAVAILABLE'
}
