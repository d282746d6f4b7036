import * as v from 'valibot'
import type { ContainerFacts, HostMount } from '../container-facts.js'

const Names = v.optional(v.nullable(v.array(v.string())), null)
const Limit = v.optional(v.nullable(v.number()), null)
const Text = v.optional(v.nullable(v.string()), null)

/** The part of Docker's description of a container that is used. */
const Inspected = v.object({
  Image: v.string(),
  Config: v.object({ Env: Names }),
  HostConfig: v.object({
    Runtime: v.string(),
    CapAdd: Names,
    CapDrop: Names,
    Privileged: v.optional(v.boolean(), false),
    SecurityOpt: Names,
    ReadonlyRootfs: v.optional(v.boolean(), false),
    Devices: v.optional(v.nullable(v.array(v.object({ PathOnHost: v.string() })))),
    DeviceRequests: v.optional(v.nullable(v.array(v.object({ Driver: Text })))),
    DeviceCgroupRules: Names,
    PidMode: Text,
    IpcMode: Text,
    UTSMode: Text,
    CgroupnsMode: Text,
    NetworkMode: Text,
    MaskedPaths: Names,
    ReadonlyPaths: Names,
    LogConfig: v.optional(v.object({ Type: v.optional(v.string(), '') })),
    Memory: Limit,
    MemorySwap: Limit,
    PidsLimit: Limit,
    NanoCpus: Limit,
    CpuQuota: Limit,
    CpuPeriod: Limit,
    Ulimits: v.optional(v.nullable(v.array(v.object({ Name: v.string(), Hard: v.number() })))),
  }),
  Mounts: v.optional(
    v.array(
      v.object({
        Type: v.string(),
        Source: v.optional(v.string(), ''),
        Name: v.optional(v.string()),
        Destination: v.string(),
        RW: v.boolean(),
      }),
    ),
    [],
  ),
})
type HostConfig = v.InferOutput<typeof Inspected>['HostConfig']

/** Docker's own period of a CPU quota, in microseconds. */
const PERIOD_US = 100_000

/** Reads Docker's description of a container. `variablesOf` returns `NAME=value` of an image. */
export async function factsOf(
  inspected: unknown,
  variablesOf: (image: string) => Promise<readonly string[]>,
): Promise<Omit<ContainerFacts, 'cpuMs'>> {
  const { Config, HostConfig, Image, Mounts } = v.parse(Inspected, inspected)
  const options = HostConfig.SecurityOpt ?? []
  const memory = HostConfig.Memory ?? 0
  const ofImage = await variablesOf(Image)
  return {
    runtime: { name: HostConfig.Runtime },
    capabilities: capabilitiesOf(HostConfig),
    isPrivileged: HostConfig.Privileged,
    hasNoNewPrivileges: options.some((option) => /^no-new-privileges([:=]true)?$/.test(option)),
    hasSeccomp:
      !HostConfig.Privileged && !options.some((option) => /^seccomp[:=]unconfined$/.test(option)),
    isRootReadOnly: HostConfig.ReadonlyRootfs,
    mounts: Mounts.filter(({ Type }) => Type !== 'tmpfs').map(
      ({ Source, Name, Destination, RW }): HostMount => ({
        source: Name ?? Source,
        target: Destination,
        isWritable: RW,
      }),
    ),
    devices: [
      ...(HostConfig.Devices ?? []).map(({ PathOnHost }) => PathOnHost),
      ...(HostConfig.DeviceRequests ?? []).map(({ Driver }) => Driver || 'device request'),
      ...(HostConfig.DeviceCgroupRules ?? []),
    ],
    sharedNamespaces: sharedBy(HostConfig),
    maskedPaths: HostConfig.MaskedPaths ?? [],
    readOnlyPaths: HostConfig.ReadonlyPaths ?? [],
    variables: (Config.Env ?? []).filter((each) => !ofImage.includes(each)).map(nameOf),
    keepsLogs: HostConfig.LogConfig?.Type !== 'none',
    memoryBytes: limitOf(memory),
    swapBytes: memory > 0 ? swapOf(HostConfig.MemorySwap ?? 0, memory) : Number.POSITIVE_INFINITY,
    pids: limitOf(HostConfig.PidsLimit),
    cpus: cpusOf(HostConfig),
    openFiles: (HostConfig.Ulimits ?? []).find(({ Name }) => Name === 'nofile')?.Hard ?? Infinity,
    network: HostConfig.NetworkMode ?? 'default',
  }
}

function capabilitiesOf({ CapAdd, CapDrop }: HostConfig): string[] {
  const added = (CapAdd ?? []).map((name) => name.replace(/^CAP_/, ''))
  return CapDrop?.includes('ALL') ? added : ['the defaults of Docker', ...added]
}

function sharedBy(config: HostConfig): string[] {
  const { PidMode, IpcMode, UTSMode, NetworkMode, CgroupnsMode } = config
  const modes = {
    pid: PidMode,
    ipc: IpcMode,
    uts: UTSMode,
    network: NetworkMode,
    cgroup: CgroupnsMode,
  }
  return Object.entries(modes).flatMap(([name, mode]) =>
    /^(?:host|container:.*|shareable)$/.test(mode ?? '') ? [name] : [],
  )
}

/** Docker reports no limit as 0 or a negative number. */
function limitOf(value: number | null): number {
  return value !== null && value > 0 ? value : Number.POSITIVE_INFINITY
}

/** Docker's number counts the memory and the swap together. 0 is as much swap as memory. */
function swapOf(both: number, memory: number): number {
  if (both < 0) return Number.POSITIVE_INFINITY
  return both === 0 ? memory : both - memory
}

function cpusOf({ NanoCpus, CpuQuota, CpuPeriod }: HostConfig): number {
  if (NanoCpus !== null && NanoCpus > 0) return NanoCpus / 1e9
  return limitOf(CpuQuota) / (CpuPeriod || PERIOD_US)
}

function nameOf(variable: string): string {
  return variable.split('=', 1)[0] ?? ''
}
