import type { LaunchSpec } from '../../src/engine/engine.js'

const MIB = 1024 * 1024

/** A launch of a small container, with what the test changes of it. */
export function specOf(changes: Partial<LaunchSpec> = {}): LaunchSpec {
  return {
    name: 'sandbox_python_1.1_ours',
    owner: 'ours',
    language: 'python',
    image: 'python',
    command: ['python3'],
    runtime: 'runc',
    reaper: 'agent',
    network: 'none',
    memoryBytes: 256 * MIB,
    cpus: 1,
    pids: 128,
    openFiles: 1024,
    workspaceBytes: 64 * MIB,
    tmpBytes: 32 * MIB,
    shmBytes: 16 * MIB,
    ...changes,
  }
}
