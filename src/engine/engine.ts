import type { Readable, Writable } from 'node:stream'

/** What one container is made of. Every field has been validated before it gets here. */
export interface LaunchSpec {
  /** Unique for the life of the engine: a name is never used twice. */
  name: string
  image: string
  /** The agent's command line: interpreter, flags, source. */
  command: readonly string[]
  /** A runtime that {@link Engine.runtimes} lists. */
  runtime: string
  labels: Readonly<Record<string, string>>
  /** Who reaps orphans: the agent itself as PID 1, or a small init of the engine's before it. */
  reaper: 'agent' | 'engine'
  /** The engine's network, `none` unless the operator says otherwise. */
  network: string
  memoryBytes: number
  cpus: number
  /** Processes and threads that the engine counts. */
  pids: number
  /**
   * Processes and threads of one user, as the runtime counts them inside. Only for a runtime that has
   * a kernel of its own: the host's kernel counts this limit over all containers together.
   */
  userPids?: number
  openFiles: number
  workspaceBytes: number
  tmpBytes: number
  shmBytes: number
  /** The JSON text of a seccomp profile; without it, the engine's own default profile. */
  seccompProfile?: string
}

/** How a container ended, as far as the engine could tell. */
export interface ContainerExit {
  /** `undefined` where the engine did not say. */
  exitCode: number | undefined
  /** The kernel killed something in it for want of memory. */
  oom: boolean
  /** The last lines PID 1 wrote on its standard error: an agent that failed says why there. */
  stderr: string
}

/** A started container, and the only road into it: PID 1's standard streams. */
export interface Container {
  readonly name: string
  readonly stdin: Writable
  readonly stdout: Readable
  /** Settles once, when the streams have ended; never rejects. The news of death. */
  readonly exited: Promise<ContainerExit>
  /**
   * Lets it go: its stdin ends, so its agent exits and the engine forgets it, which is when this
   * resolves. One that is slow to go is killed. Safe to call twice.
   */
  remove(): Promise<void>
  /** Kills it by way of the engine: for an agent that does not answer. Safe to call twice. */
  kill(): Promise<void>
}

/** What may be said of an image that is on its way. */
export interface PullOptions {
  /** Called with a short line, at most a few times a second. */
  onProgress?: (line: string) => void
  signal?: AbortSignal
}

/** What a sweep must know of the pool that asks for it. */
export interface SweepOptions {
  /** The pool's own owner: its containers that were never started are strays at any age. */
  owner: string
  /** Whether the owner's launch of this name is under way: its container is no stray. */
  isLaunching: (name: string) => boolean
}

/**
 * The port to a container engine. It launches a container and hands over its streams; all else
 * goes through the agent inside. Every method has a deadline of its own and throws a
 * `SandboxError` with `SANDBOX_ENGINE_UNAVAILABLE`, `SANDBOX_ENGINE_FAILED` or
 * `SANDBOX_IMAGE_MISSING`.
 */
export interface Engine {
  /** Where the engine is, for messages: `unix:///var/run/docker.sock`. */
  readonly address: string
  /** The runtimes the engine lists: `runc`, `runsc`, ... */
  runtimes(): Promise<readonly string[]>
  hasImage(image: string): Promise<boolean>
  /** Gets an image from its registry. */
  pull(image: string, options?: PullOptions): Promise<void>
  /** Makes an image of a root file system in a tar archive. */
  importImage(image: string, tar: Readable): Promise<void>
  /** Creates, attaches, starts. A leftover of the same owner and name is removed first. */
  launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container>
  /**
   * Removes containers of this library that nobody will start any more; gives their number. Those of
   * other owners must be a minute old by the engine's clock. One that runs is never touched.
   */
  sweep(options: SweepOptions): Promise<number>
  /** Lets go of the engine: no container is touched. */
  close(): void
}

/** The label that names the pool's owner on every container of this library. */
export const OWNER_LABEL = 'hono-sandbox.owner'
