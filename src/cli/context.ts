import type { Engine } from '../engine/engine.js'
import type { BaseImage, ExtraImage } from './images.js'

/** What set-up does on the machine itself; a machine that may not be changed has none. */
export interface Machine {
  /** Installs and starts a container engine; resolves when `answers` says that it does. */
  startEngine(answers: () => Promise<boolean>): Promise<void>
  /** Builds the image's root file system, imports it, and leaves no file behind. */
  buildImage(image: BaseImage): Promise<void>
}

/** All that the steps of set-up share. */
export interface SetupContext {
  engine: Engine
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
