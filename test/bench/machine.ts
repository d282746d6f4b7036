import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import Docker from 'dockerode'
import { outputOf } from './contenders/bare.js'

/** The machine on which the figures were measured. */
export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  system: string
  node: string
  python: string
  engine: string
}

/** Describes this machine and its engine. */
export async function describeMachine(): Promise<Machine> {
  const { Version, KernelVersion } = await new Docker().version()
  const [, name = 'Linux'] =
    /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? []
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${name}, kernel ${KernelVersion || release()}`,
    node: process.version,
    python: (await outputOf('python3', ['--version'])).trim(),
    engine: `Docker Engine ${Version}`,
  }
}
