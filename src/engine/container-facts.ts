/** A file or a folder of the host, or a volume, that a container can reach. */
export interface HostMount {
  /** The path of the host, or the name of the volume. */
  readonly source: string
  /** The path in the container. */
  readonly target: string
  readonly isWritable: boolean
}

/** The runtime of a container, as far as the engine tells. */
export interface RuntimeFacts {
  readonly name: string
  /** The version that the runtime reports: `release-20240930.0`. */
  readonly version?: string | undefined
  /** The platform that gVisor was registered with: `ptrace`, `systrap`, `kvm`. */
  readonly platform?: string | undefined
  /** Matches `/proc/version` of the runtime's own kernel, if the engine knows its text. */
  readonly kernel?: RegExp | undefined
}

/**
 * The settings of a container as the engine applies them. They can differ from the
 * {@link LaunchSpec}: a proxy, a policy or the defaults of the engine may have changed them. A limit
 * that the container does not have is `Infinity`. A limit that the engine cannot tell is `undefined`.
 */
export interface ContainerFacts {
  readonly runtime: RuntimeFacts
  /** The user id of the programs, if the engine has replaced that of the launch by one of its own. */
  readonly user?: number | undefined
  /** The capabilities that were added: `KILL`. A privileged container has all. */
  readonly capabilities: readonly string[]
  readonly isPrivileged: boolean
  readonly hasNoNewPrivileges: boolean
  /** Whether a seccomp profile is applied: the default of the engine, or another one. */
  readonly hasSeccomp: boolean
  readonly isRootReadOnly: boolean
  readonly mounts: readonly HostMount[]
  /** The devices of the host: `/dev/fuse`. */
  readonly devices: readonly string[]
  /** The namespaces that the container shares with the host or another container: `pid`. */
  readonly sharedNamespaces: readonly string[]
  /** The paths of `/proc` and `/sys` that are hidden. */
  readonly maskedPaths: readonly string[]
  /** The paths of `/proc` that are read-only. */
  readonly readOnlyPaths: readonly string[]
  /** The names of the environment variables that the image does not have. */
  readonly variables: readonly string[]
  /** Whether the engine stores the output of PID 1, which has the output of all programs. */
  readonly keepsLogs: boolean
  readonly memoryBytes: number
  readonly swapBytes: number
  /** The limit of processes and threads, with those of the runtime itself. */
  readonly pids?: number | undefined
  readonly cpus: number
  /** The CPU time that the container has used so far, in milliseconds, with that of the runtime. */
  readonly cpuMs?: number | undefined
  readonly openFiles?: number | undefined
  readonly network: string
}
