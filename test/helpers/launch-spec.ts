import type { LaunchSpec } from '../../src/engine/engine.js'

const MIB = 1024 * 1024

/** Returns the spec of a small container, with the changes of the test. */
export function specOf(changes: Partial<LaunchSpec> = {}): LaunchSpec {
  return {
    name: 'sandbox_python_1.1_ours',
    owner: 'ours',
    language: 'python',
    image: 'python',
    command: ['python3'],
    runtime: 'runc',
    user: 65534,
    reaper: 'agent',
    network: 'none',
    memoryBytes: 256 * MIB,
    cpus: 1,
    pids: 128,
    openFiles: 1024,
    workspaceBytes: 64 * MIB,
    tmpBytes: 32 * MIB,
    shmBytes: 16 * MIB,
    seccomp: 'narrow',
    ...changes,
  }
}
