import type { Engine } from '../engine/engine.js'
import type { ImageStore } from '../engine/image-store.js'
import { SandboxError } from '../errors.js'
import type { ExtraImage, SetupImage } from '../languages/setup-images.js'
import type { Say } from './terminal.js'

/** One step of set-up. */
export interface Step {
  /** The line of the step in the plan, which begins with a verb. */
  what: string
  run: () => Promise<void>
}

/** The condition on the engine before set-up continues. */
export interface EngineWanted {
  /** Checks whether the engine's API answers. */
  answers: () => Promise<boolean>
  /** The reason why the engine does not answer yet. */
  reason: SandboxError
}

/** The changes that set-up can make to the machine. It exists only if set-up may change the machine. */
export interface Machine {
  /** Returns the steps that make a container engine answer, in order. It changes nothing. */
  engineSteps(wanted: EngineWanted): Promise<readonly Step[]>
  /** Returns whether the gVisor of this machine is a release with known defects. */
  hasOldGvisor(): Promise<boolean>
  /** Returns the packages that {@link buildImage} installs before it builds. */
  missingForBuild(): Promise<readonly string[]>
  /** Builds the root file system of the image, imports it, and removes all temporary files. */
  buildImage(image: SetupImage): Promise<void>
}

/** The part of an engine that set-up uses. It launches no container. */
export type SetupEngine = Pick<Engine, 'address' | 'runtimes'> & ImageStore

/** The context that all steps of set-up share. */
export interface SetupContext {
  engine: SetupEngine
  /** The environment of the process, or that of a test. */
  env: Readonly<Record<string, string | undefined>>
  /** The source of the images. `packages` uses no registry. */
  source: 'registry' | 'packages'
  /** The images to get besides those of the languages. */
  extras?: readonly ExtraImage[]
  /** `undefined` unless the process runs as root on Debian or Ubuntu. */
  machine: Machine | undefined
  /** Ends child processes and pending waits. Its reason is the error that set-up fails with. */
  signal: AbortSignal
  /** Prints one line of progress. */
  say: Say
}

/** Returns whether an engine call failed because no engine answers. */
export function isUnavailable(error: unknown): error is SandboxError {
  return error instanceof SandboxError && error.code === 'SANDBOX_ENGINE_UNAVAILABLE'
}
