import type { Readable, Writable } from 'node:stream'

/** A way in which an engine isolates containers: an OCI runtime of Docker, a runtimeClass of Kubernetes. */
export interface Runtime {
  /** The name by which the operator and a {@link LaunchSpec} choose it. */
  readonly name: string
  /** Whether programs run on a kernel of their own, and not on the kernel of the host. */
  readonly hasOwnKernel: boolean
}

/** What a container may use. Every value has been validated. */
export interface ContainerLimits {
  /**
   * The network that the container joins, by its name in the engine. `none` has no interface but
   * loopback, and every engine must have it.
   */
  network: string
  memoryBytes: number
  cpus: number
  /**
   * Processes and threads that the container's programs may have. The engine turns it into limits of
   * its own: what a runtime needs for itself must not count, or a full container would end.
   */
  pids: number
  /** Open files of a process. */
  openFiles: number
  /** Size of the tmpfs on `/workspace`. */
  workspaceBytes: number
  /** Size of the tmpfs on `/tmp`. */
  tmpBytes: number
  /** Size of the tmpfs on `/dev/shm`. */
  shmBytes: number
  /**
   * The JSON text of a seccomp profile in the form of the OCI; without it, the engine's own default
   * profile. It is a text and not a path, because the engine may be on another host.
   */
  seccompProfile?: string
}

/** What one container is made of. Every field has been validated. */
export interface LaunchSpec extends ContainerLimits {
  /**
   * Unique for the life of the engine: letters, digits, `_`, `.` and `-`. An engine with other rules
   * for names translates it, and gives this one in {@link Container.name} and to `isLaunching`.
   */
  name: string
  /** The pool that the container belongs to, for sweeps and for a name that is taken. */
  owner: string
  /** The language of the container, for people that look at the engine. */
  language: string
  /** An image that {@link Engine.findImage} gave. */
  image: string
  /** The agent's command line: interpreter, flags, source. */
  command: readonly string[]
  /** The name of a runtime that {@link Engine.runtimes} lists. */
  runtime: string
  /**
   * The process that reaps orphans: the agent as PID 1, or an init process of the engine as PID 1. It
   * is asked for because Node cannot wait for children that it did not start.
   */
  reaper: 'agent' | 'engine'
}

/** How a container ended, as far as the engine could tell. */
export interface ContainerExit {
  /** `undefined` if the engine did not say. */
  exitCode: number | undefined
  /** Whether the kernel killed something in the container because its memory was used up. */
  oom: boolean
  /** The last lines that PID 1 wrote on its standard error: the reason if an agent failed. */
  stderr: string
}

/** A started container. The standard streams of PID 1 are the only way into it. */
export interface Container {
  readonly name: string
  readonly stdin: Writable
  /** The engine takes no more from the container than is read here. */
  readonly stdout: Readable
  /** Settles once, when the streams have ended; never rejects. It is the news of the container's death. */
  readonly exited: Promise<ContainerExit>
  /**
   * Ends stdin, so that the agent exits, and resolves when the engine has forgotten the container. A
   * container that does not exit in time is killed. Safe to call twice.
   */
  remove(): Promise<void>
  /** Kills the container through the engine, for an agent that does not answer. Safe to call twice. */
  kill(): Promise<void>
}

/** What a sweep must know of the pool that asks for it. */
export interface SweepOptions {
  /** The pool's own owner: its containers that were never started are strays at any age. */
  owner: string
  /** Whether the owner's launch of this name is under way: its container is no stray. */
  isLaunching: (name: string) => boolean
}

/** What the messages of a pool tell the operator to do about an engine. */
export interface EngineAdvice {
  /** The runtime with a kernel of its own that the engine can be given: `gVisor (runsc)`. */
  readonly strongerRuntime: string
  /** How the operator gets that runtime: `Install gVisor`. */
  readonly howToGetRuntime: string
  /** How the operator gets an image to the engine; without it, what set-up does for Docker. */
  readonly howToGetImage?: string
}

/**
 * The port to a container engine. It launches a container and hands over its streams; everything else
 * goes through the agent inside. Every call has a deadline of its own and throws a `SandboxError` with
 * `SANDBOX_ENGINE_UNAVAILABLE`, `SANDBOX_ENGINE_FAILED`, `SANDBOX_IMAGE_MISSING`, or
 * `SANDBOX_AGENT_FAILED` if the image lacks the program of a launch.
 */
export interface Engine {
  /** Where the engine is, for messages: `unix:///var/run/docker.sock`. */
  readonly address: string
  readonly advice: EngineAdvice
  /**
   * The runtimes that a launch may name, in order of preference: a pool takes the first, unless the
   * operator names another. There is at least one.
   */
  runtimes(): Promise<readonly Runtime[]>
  /**
   * The first of the images that the engine can launch, as far as it can tell before a launch;
   * `undefined` if it can launch none. An engine that pulls by itself gives the first.
   */
  findImage(candidates: readonly string[]): Promise<string | undefined>
  /** Creates, attaches, starts. A leftover of the same owner and name is removed first. */
  launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container>
  /**
   * Removes containers of this library that will never be started; gives their number. The containers
   * of other owners must be a minute old by the engine's clock. A container that runs is never touched.
   */
  sweep(options: SweepOptions): Promise<number>
  /** Ends the connections to the engine. No container is touched. */
  close(): void
}
