import type { AgentBundle } from '../agent/bundle.js'
import type { AgentConfig } from '../agent/protocol.js'

/** How the agent of a language is started. */
export interface AgentManifest {
  /**
   * The command line without the config. It contains the source of the loader, so the image needs
   * no file of this library.
   */
  command: readonly string[]
  /** The source that the loader reads first. */
  bundle: AgentBundle
  /**
   * The number of processes and threads of one program. The default of `maxPrograms` depends on it.
   */
  tasksPerProgram: number
  /** The process that reaps orphans: the agent as PID 1, or an init process of the engine. */
  reaper: 'agent' | 'engine'
}

/** An npm package that contains a Node executable as `bin/node`. */
export interface NodePackage {
  name: string
  version: string
  /** The value of `dist.integrity` in the registry: `sha512-` and the hash in base64. */
  integrity: string
}

/** The contents that `hono-sandbox setup` adds to a minimal Debian when it builds an image. */
export interface ImageContents {
  /** The Debian packages to install. */
  packages: readonly string[]
  /**
   * Shell patterns of files to delete after the installation, as paths from the root of the image.
   */
  unwanted?: readonly string[]
  /** A command to run in the image as the last step. */
  finish?: readonly string[]
  /** The npm package with a current Node executable, for each value of `process.arch`. */
  nodePackages?: Readonly<Record<string, NodePackage>>
}

/**
 * The properties of a built-in language that the host needs. A new built-in language needs a file
 * with a manifest, an entry in `built-in.ts` and a folder under `src/agent/`.
 */
export interface LanguageManifest {
  agent: AgentManifest
  /** The settings that this language adds to the config of its agent. */
  config?: AgentConfig
  /**
   * The images with the interpreter, in order of preference: from a registry, or built by set-up.
   */
  images: readonly [registry: string, local: string]
  /** The contents of the image that set-up builds. */
  contents: ImageContents
  /** The environment variable with which the operator chooses another image. */
  imageVariable: `SANDBOX_BASE_${string}_IMAGE`
}
