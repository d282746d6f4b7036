import { expect, it } from 'vitest'
import { factsOf } from '../../../src/engine/docker/container-facts.js'

const MIB = 1024 ** 2
const NONE = Number.POSITIVE_INFINITY

const factsWith = (HostConfig: object, Env: string[] | null = null) =>
  factsOf(
    { Image: 'sha256:1', Config: { Env }, HostConfig: { Runtime: 'runc', ...HostConfig } },
    async () => ['PATH=/bin'],
  )

it.each([
  [{}, { memoryBytes: NONE, swapBytes: NONE, pids: NONE, cpus: NONE, openFiles: NONE }],
  [
    { Memory: MIB, MemorySwap: MIB },
    { memoryBytes: MIB, swapBytes: 0 },
  ],
  [{ Memory: MIB, MemorySwap: 3 * MIB }, { swapBytes: 2 * MIB }],
  [{ Memory: MIB, MemorySwap: 0 }, { swapBytes: MIB }],
  [{ Memory: MIB, MemorySwap: -1 }, { swapBytes: NONE }],
  [{ PidsLimit: -1 }, { pids: NONE }],
  [{ PidsLimit: 64 }, { pids: 64 }],
  [{ NanoCpus: 5e8 }, { cpus: 0.5 }],
  [{ CpuQuota: 150_000, CpuPeriod: 0 }, { cpus: 1.5 }],
  [{ CpuQuota: 50_000, CpuPeriod: 50_000 }, { cpus: 1 }],
  [{ Ulimits: [{ Name: 'nofile', Hard: 64 }] }, { openFiles: 64 }],
  [{ CapDrop: ['ALL'], CapAdd: ['CAP_KILL'] }, { capabilities: ['KILL'] }],
  [{ CapAdd: ['KILL'] }, { capabilities: ['the defaults of Docker', 'KILL'] }],
  [{ SecurityOpt: ['no-new-privileges:true'] }, { hasNoNewPrivileges: true, hasSeccomp: true }],
  [{ SecurityOpt: ['no-new-privileges=false'] }, { hasNoNewPrivileges: false }],
  [{ SecurityOpt: ['seccomp=unconfined'] }, { hasSeccomp: false }],
  [{ LogConfig: { Type: 'json-file' } }, { keepsLogs: true }],
  [{ LogConfig: { Type: 'none' } }, { keepsLogs: false }],
  [{ Privileged: true }, { isPrivileged: true, hasSeccomp: false }],
  [
    { PidMode: 'host', IpcMode: 'container:1', UTSMode: '', NetworkMode: 'none' },
    { sharedNamespaces: ['pid', 'ipc'], network: 'none' },
  ],
  [
    { Devices: [{ PathOnHost: '/dev/fuse' }], DeviceRequests: [{ Driver: '' }] },
    { devices: ['/dev/fuse', 'device request'] },
  ],
])('reads %j of Docker', async (HostConfig, facts) => {
  expect(await factsWith(HostConfig)).toMatchObject(facts)
})

it('names the variables that the image does not have, without their values', async () => {
  const { variables } = await factsWith({}, ['PATH=/bin', 'SECRET=canary', 'PATH=/sbin'])
  expect(variables).toEqual(['SECRET', 'PATH'])
})
