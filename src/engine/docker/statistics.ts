import type { Docker } from './connection.js'
import * as v from 'valibot'
import type { DockerCalls } from './api-calls.js'

interface StatsOptions {
  stream: false
  'one-shot': true
  abortSignal: AbortSignal
}

/** The part of the statistics about memory. The names depend on the version of cgroups. */
const Memory = v.object({
  memory_stats: v.object({
    usage: v.number(),
    stats: v.object({
      total_inactive_file: v.optional(v.number()),
      inactive_file: v.optional(v.number()),
    }),
  }),
})

const Cpu = v.object({ cpu_stats: v.object({ cpu_usage: v.object({ total_usage: v.number() }) }) })

/** Returns the number that `docker stats` shows: without files that the kernel can drop at once. */
export async function usedMemory(calls: DockerCalls, container: Docker.Container): Promise<number> {
  const { usage, stats } = v.parse(Memory, await statisticsOf(calls, container)).memory_stats
  return usage - (stats.total_inactive_file ?? stats.inactive_file ?? 0)
}

/** Returns the CPU time that a container has used so far, in milliseconds. */
export async function usedCpuMs(calls: DockerCalls, container: Docker.Container): Promise<number> {
  const { cpu_usage } = v.parse(Cpu, await statisticsOf(calls, container)).cpu_stats
  return cpu_usage.total_usage / 1e6
}

function statisticsOf(calls: DockerCalls, container: Docker.Container): Promise<unknown> {
  return calls.bounded(`measure ${container.id}`, (abortSignal) => {
    // The type of the options lacks the signal.
    const options: StatsOptions = { stream: false, 'one-shot': true, abortSignal }
    return container.stats(options)
  })
}
