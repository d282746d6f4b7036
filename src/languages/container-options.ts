/**
 * The options of a container: of every container of a pool, or of the containers of one language. The
 * value of a language takes precedence over the value of the pool. The defaults are those of the pool.
 */
export interface ContainerOptions {
  /**
   * The OCI runtime. With `auto` the pool uses gVisor (`runsc`) if the engine has it. Otherwise it
   * throws an error if `NODE_ENV` is `production`, or else warns and uses `runc` or the first runtime
   * of the engine.
   *
   * @default SANDBOX_RUNTIME, else 'auto'
   */
  runtime?: string | undefined
  /**
   * The memory limit of a container, with the unit `b`, `k`, `m` or `g`. Files in its tmpfs count,
   * too. A container has no swap.
   *
   * @default SANDBOX_MAX_MEMORY, else '256m'
   */
  memory?: string | undefined
  /**
   * The number of CPUs of a container. A fraction is allowed.
   *
   * @default 1
   */
  cpus?: number | undefined
  /**
   * The greatest number of processes and threads of the programs in a container, at least 16. Under
   * gVisor, gVisor's own kernel applies this limit. The limit of the engine is then higher, because
   * it also counts the threads of gVisor.
   *
   * @default 128
   */
  pids?: number | undefined
  /**
   * The greatest number of programs that run at the same time in a lease. Further programs wait,
   * and the wait counts in their `timeoutMs`. After half of that time, or after 5 s, they start in
   * spite of the limit, because a running program may be waiting for them. Background processes and
   * contexts do not count.
   *
   * @default `pids` / 2 for Python, `pids` / 16 for Node
   */
  maxPrograms?: number | undefined
  /**
   * The greatest number of open files of a process, at least 64.
   *
   * @default 1024
   */
  openFiles?: number | undefined
  /**
   * The size of the tmpfs on `/workspace`, with a unit as in `memory`.
   *
   * @default '64m'
   */
  workspaceSize?: string | undefined
  /**
   * The size of the tmpfs on `/tmp`, with a unit as in `memory`.
   *
   * @default '32m'
   */
  tmpSize?: string | undefined
  /**
   * The size of `/dev/shm`, with a unit as in `memory`.
   *
   * @default '16m'
   */
  shmSize?: string | undefined
  /**
   * The network of the engine that the containers join. With `none` a container has only the
   * loopback interface. If the runtime is registered with `--network=none`, containers have no
   * network, and this option has no effect. `hono-sandbox setup` registers an old gVisor in this
   * way.
   *
   * @default 'none'
   */
  network?: string | undefined
  /**
   * The path of a file with a seccomp profile, which replaces the profile of this library: the default
   * profile of Docker without system calls that a code runner never needs. The pool refuses a file
   * under gVisor, whose kernel ignores it.
   *
   * @default SANDBOX_SECCOMP_PROFILE, else the profile of this library; if SANDBOX_ENABLE_SECCOMP is
   * false, the profile of the engine
   */
  seccompProfile?: string | undefined
  /**
   * Environment variables of every program, also of a compiler. The variables of a language are added
   * to those of the pool, and the variables of a call take precedence over both. `undefined` removes a
   * variable of the pool. They are meant for settings, not for secrets. They are sent with each
   * program and are not part of the container.
   *
   * @default none
   */
  env?: Variables | undefined
}

/** Environment variables by name. A variable with the value `undefined` is not set. */
export type Variables = Readonly<Record<string, string | undefined>>
