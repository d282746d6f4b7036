import type { Evidence, Probe } from './evidence.js'
import { REMOVE_CHANGE, untold, when } from './evidence.js'
import type { Look } from './look.js'
import { statusField } from './look.js'
import { NOBODY } from '../../engine/user-ids.js'

/** The bits of KILL, SETGID and SETUID, which the agent needs. */
const AGENT_BITS = (1n << 5n) | (1n << 6n) | (1n << 7n)
const AGENT_NAMES: readonly string[] = ['KILL', 'SETGID', 'SETUID']

const user: Probe = {
  name: 'user',
  found: ({ inside: { look } }) => `uid, gid and groups ${userOf(look)}`,
  problems: ({ asked, inside: { look }, outside }) => {
    const ids = ['Uid', 'Gid', 'Groups'].map((name) => statusField(look.status, name) ?? '?')
    const user = userOf(look)
    const isAlone = ids.every((text) => text.split(/\s+/).every((id) => id === user || id === ''))
    const { first, count } = asked.userIds ?? { first: outside?.user ?? NOBODY, count: 1 }
    const isInRange = Number(user) >= first && Number(user) < first + count
    return when(
      !isAlone || !isInRange,
      'broken',
      `programs have the uids ${ids[0]}, the gids ${ids[1]} and the groups ${ids[2]}`,
      'Report this as a bug: programs must be nobody, or a user of userIds',
    )
  },
}

function userOf(look: Look): string {
  return statusField(look.status, 'Uid')?.split(/\s+/)[0] ?? ''
}

const capabilities: Probe = {
  name: 'capabilities',
  found: () => `none for programs; ${AGENT_NAMES.join(', ')} for the agent`,
  problems: ({ inside: { look }, outside, asked }) => {
    const bits = (status: string, name: string) => {
      const field = statusField(status, name)
      return field === undefined || !/^[0-9a-f]{1,32}$/i.test(field)
        ? undefined
        : BigInt(`0x${field}`)
    }
    const ofProgram = ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'].map((name) =>
      bits(look.status, name),
    )
    const bound = bits(look.status, 'CapBnd')
    const ofAgent = bits(look.agentStatus, 'CapEff')
    const added = (outside?.capabilities ?? []).filter((name) => !AGENT_NAMES.includes(name))
    const extra = [bound, ofAgent].some((set) => set !== undefined && (set & ~AGENT_BITS) !== 0n)
    return [
      ...when(
        ofProgram.some((set) => set !== undefined && set !== 0n),
        'broken',
        'programs have capabilities',
        REMOVE_CHANGE,
      ),
      ...when(
        bits(look.status, 'CapEff') === undefined && !asked.hasOwnKernel,
        'weak',
        'not measured: /proc/self/status has no capabilities',
        'Use an engine that mounts /proc',
      ),
      ...when(
        extra || added.length > 0 || outside?.isPrivileged === true,
        'broken',
        outside?.isPrivileged === true
          ? 'the container is privileged'
          : `the container has more than the agent needs${added.length > 0 ? `: ${added.join(', ')}` : ''}`,
        REMOVE_CHANGE,
      ),
    ]
  },
}

/** gVisor of 2022 does not report the field, so the engine is asked. */
export function hasNoNewPrivileges({ inside, outside }: Evidence): boolean | undefined {
  const field = statusField(inside.look.status, 'NoNewPrivs')
  if (field !== undefined && field !== '1') return false
  return outside?.hasNoNewPrivileges ?? (field === undefined ? undefined : true)
}

const noNewPrivileges: Probe = {
  name: 'no-new-privileges',
  found: () => 'set: setuid files give no rights',
  problems: (evidence) => {
    const isSet = hasNoNewPrivileges(evidence)
    return isSet === undefined
      ? untold(evidence.outside)
      : when(
          !isSet,
          'broken',
          'not set: a setuid file gives the rights of its owner',
          REMOVE_CHANGE,
        )
  },
}

const seccomp: Probe = {
  name: 'seccomp',
  found: ({ asked }) =>
    asked.hasOwnKernel
      ? 'the system calls go to the kernel of the runtime'
      : 'a filter is active, and refuses user namespaces',
  problems: ({ asked, inside: { look }, outside }) => {
    const isOff = outside?.hasSeccomp === false
    if (asked.hasOwnKernel) {
      return when(isOff, 'note', 'unconfined; the runtime ignores it', 'Remove seccomp=unconfined')
    }
    const mode = statusField(look.status, 'Seccomp')
    return [
      ...when(
        mode !== '2' || isOff,
        'broken',
        `no filter: mode ${mode ?? 'unknown'}${isOff ? ', unconfined' : ''}`,
        'Remove seccomp=unconfined, and use an engine with seccomp',
      ),
      ...when(
        mode === '2' && look.userNamespace === true,
        'weak',
        'the filter lets programs make user namespaces, in which they are root',
        'Use a profile that refuses unshare and clone with CLONE_NEWUSER, such as the default one',
      ),
    ]
  },
}

const namespaces: Probe = {
  name: 'namespaces',
  found: () => 'own pid, ipc, uts and network; no device of the host',
  problems: (evidence) => {
    const { outside } = evidence
    const shared = outside?.sharedNamespaces ?? []
    const devices = outside?.devices ?? []
    return [
      ...untold(evidence.outside),
      ...when(
        shared.length > 0,
        // The namespace of cgroups hides their names only.
        shared.some((name) => name !== 'cgroup') ? 'broken' : 'note',
        `shares with the host: ${shared.join(', ')}`,
        REMOVE_CHANGE,
      ),
      ...when(devices.length > 0, 'broken', `has devices: ${devices.join(', ')}`, REMOVE_CHANGE),
    ]
  },
}

/** The rights of programs. */
export const RIGHTS: readonly Probe[] = [user, capabilities, noNewPrivileges, seccomp, namespaces]
