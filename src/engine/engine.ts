import type { Readable, Writable } from 'node:stream'
import type { ContainerFacts } from './container-facts.js'

/** A way in which an engine isolates containers: an OCI runtime of Docker, a runtimeClass of Kubernetes. */
export interface Runtime {
  /** The name by which the operator and a {@link LaunchSpec} choose it. */
  readonly name: string
  /** Whether programs run on a kernel of their own, and not on the kernel of the host. */
  readonly hasOwnKernel: boolean
}

/**
 * The seccomp profile of a container: `narrow` is the engine's narrowest for running code, `engine` is its
 * default. `json` is a profile of the operator in the form of the OCI. It is a text and not a path,
 * because the engine may be on another host.
 */
export type SeccompProfile = 'narrow' | 'engine' | { readonly json: string }

/** The limits of a container. Every value has been validated. */
export interface ContainerLimits {
  /**
   * The network that the container joins, by its name in the engine. `none` has no interface but
   * loopback, and every engine must have it.
   */
  network: string
  memoryBytes: number
  cpus: number
  /**
   * Processes and threads that the container's programs may have. The engine computes its own
   * limits from this number. They must not count the processes of the runtime itself. Otherwise a
   * container whose programs use all of `pids` could end.
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
  /** A pool refuses a profile of the operator under a runtime with a kernel of its own. */
  seccomp: SeccompProfile
}

/** The specification of one container. Every field has been validated. */
export interface LaunchSpec extends ContainerLimits {
  /**
   * Unique for the life of the engine: letters, digits, `_`, `.` and `-`. An engine with other rules
   * for names translates it, and uses this one in {@link Container.name} and for `isLaunching`.
   */
  name: string
  /** The pool that the container belongs to. Sweeps and launches with a name in use compare it. */
  owner: string
  /** The language of the container, for people who inspect the engine. */
  language: string
  /** An image that {@link Engine.findImage} has returned. */
  image: string
  /** The agent's command line: interpreter, flags, source. */
  command: readonly string[]
  /** The name of a runtime that {@link Engine.runtimes} lists. */
  runtime: string
  /**
   * The user id and group id of the programs, which own `/workspace`: the agent takes both from there.
   * It is 65534, `nobody`, unless the operator wants an id of its own for each container. The image does
   * not know such an id: the agent tells programs its name if there is an empty folder of root at
   * `/run/nscd`.
   */
  user: number
  /**
   * The process that reaps orphans: the agent as PID 1, or an init process of the engine as PID 1. An
   * agent in Node needs the init process, because Node cannot wait for children that it did not start.
   */
  reaper: 'agent' | 'engine'
}

/** The end of a container, as far as the engine reports it. */
export interface ContainerExit {
  /** `undefined` if the engine did not report it. */
  exitCode: number | undefined
  /** Whether the kernel killed a process in the container because its memory was exhausted. */
  oom: boolean
  /** The last lines that PID 1 wrote on its standard error: the reason if an agent failed. */
  stderr: string
}

/** A started container. The standard streams of PID 1 are the only way into it. */
export interface Container {
  readonly name: string
  readonly stdin: Writable
  /** The engine reads no more from the container than the consumer reads from this stream. */
  readonly stdout: Readable
  /** Resolves when the streams have ended, and never rejects. It reports the death of the container. */
  readonly exited: Promise<ContainerExit>
  /**
   * The age in milliseconds after which a pool replaces the container, when no lease has it, because
   * the engine will end it. Without it, a container has no greatest age.
   */
  readonly retireAfterMs?: number
  /**
   * Ends stdin, so that the agent exits, and resolves when the engine has removed the container. A
   * container that does not exit in time is killed. A second call is safe.
   */
  remove(): Promise<void>
  /**
   * Measures the memory that counts towards `memoryBytes` now. A pool asks once for each language. It
   * is missing if the engine cannot measure.
   */
  usedMemory?(): Promise<number>
  /**
   * Whether an agent that has been silent for `silentMs` milliseconds is lost. It is called every 2 s
   * while pings have no answer. If it is missing, an agent is lost after 60 s, and so it is in any case.
   */
  isLost?(silentMs: number): boolean
  /** Kills the container through the engine, for an agent that does not answer. A second call is safe. */
  kill(): Promise<void>
}

/** The facts about a pool that a sweep needs. */
export interface SweepOptions {
  /** The pool's own owner: its containers that were never started are strays at any age. */
  owner: string
  /** Whether the owner's launch of this name is under way: its container is no stray. */
  isLaunching: (name: string) => boolean
}

/** The advice about an engine for the messages of a pool. */
export interface EngineAdvice {
  /** The runtime with a kernel of its own that the operator can add: `gVisor (runsc)`. */
  readonly strongerRuntime: string
  /** The instruction to get that runtime: `Install gVisor`. */
  readonly howToGetRuntime: string
  /** The instruction to get an image. If it is missing, messages name the set-up for Docker. */
  readonly howToGetImage?: string
  /**
   * The instruction to deny the traffic of containers, if the engine cannot take their interfaces away.
   * If it is missing, a container of the network `none` has no interface but loopback.
   */
  readonly howToDenyTraffic?: string
}

/**
 * The port to a container engine. It launches a container and hands over its streams; everything else
 * goes through the agent inside. Every call has a deadline of its own and throws a `SandboxError` with
 * `SANDBOX_ENGINE_UNAVAILABLE`, `SANDBOX_ENGINE_FAILED`, `SANDBOX_IMAGE_MISSING`, or
 * `SANDBOX_AGENT_FAILED` if the image lacks the program of a launch.
 */
export interface Engine {
  /** The address of the engine, for messages: `unix:///var/run/docker.sock`. */
  readonly address: string
  readonly advice: EngineAdvice
  /**
   * The runtimes that a launch may name, in order of preference: a pool takes the first, unless the
   * operator names another. There is at least one.
   */
  runtimes(): Promise<readonly Runtime[]>
  /**
   * Returns the first of the images that the engine can launch, as far as is known before a launch;
   * `undefined` if it can launch none. An engine that pulls images itself returns the first one.
   */
  findImage(candidates: readonly string[]): Promise<string | undefined>
  /** Creates, attaches and starts a container. First removes a leftover of the same owner and name. */
  launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container>
  /**
   * Removes containers of this library that will never be started, and returns their number. Containers
   * of other owners must be a minute old by the engine's clock. A running container is never removed.
   */
  sweep(options: SweepOptions): Promise<number>
  /**
   * Returns the settings of a running container of this name, as the engine applies them. The doctor
   * compares them with the launch. If it is missing, the doctor reports each fact that only the engine
   * knows as not measured.
   */
  inspect?(name: string): Promise<ContainerFacts>
  /** Closes the connections to the engine. Containers keep running. */
  close(): void
}
