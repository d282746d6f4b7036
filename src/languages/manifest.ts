import type { AgentBundle } from '../agent/bundle.js'
import type { AgentConfig } from '../agent/protocol.js'

/** How the agent of a language is started. */
export interface AgentManifest {
  /** The command line, up to the config. It holds the loader, so that any image will do. */
  command: readonly string[]
  /** The source that the loader reads first. */
  bundle: AgentBundle
  /** How many processes and threads one program takes: sets the default of `maxPrograms`. */
  tasksPerProgram: number
  /** The process that reaps orphans: the agent as PID 1, or an init process of the engine. */
  reaper: 'agent' | 'engine'
}

/** An npm package that has a Node in `bin/node`. */
export interface NodePackage {
  name: string
  version: string
  /** The registry's `dist.integrity` of the package: `sha512-` and the hash in base64. */
  integrity: string
}

/** What an image has that set-up builds from distribution packages, beside a minimal Debian. */
export interface ImageContents {
  packages: readonly string[]
  /** Files that the packages bring and nothing needs: patterns for a shell, from the image's root. */
  unwanted?: readonly string[]
  /** A command that is run in the image when all else is in place. */
  finish?: readonly string[]
  /** The npm package with a current Node, for each `process.arch`. */
  nodePackages?: Readonly<Record<string, NodePackage>>
}

/**
 * All that the host must know of a built-in language. A new language is a file with such a manifest,
 * an entry in `built-in.ts` and a folder under `src/agent/`.
 */
export interface LanguageManifest {
  agent: AgentManifest
  /** What the agent's config has for this language alone. */
  config?: AgentConfig
  /** Images that have the interpreter, best first: from a registry, or as set-up builds it. */
  images: readonly [registry: string, local: string]
  /** What the local image has. */
  contents: ImageContents
  /** The environment variable by which the operator names another image. */
  imageVariable: `SANDBOX_BASE_${string}_IMAGE`
}
