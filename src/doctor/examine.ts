import { release } from 'node:os'
import type { Engine } from '../engine/engine.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import { measure } from './measure.js'
import type { Asked } from './probes/evidence.js'
import type { LanguageReport } from './report.js'
import { judge } from './report.js'
import type { ProbeSources } from './sources.js'
import { sendBetween } from './traffic.js'

/** The sandbox to examine, and what the pool asked for. */
export interface Patient {
  sandbox: Sandbox
  /** Leases another sandbox of the same kind, to send packets to it. It is missing if none may be sent. */
  leasePeer?: (() => Promise<Sandbox>) | undefined
  agent: keyof ProbeSources
  image: string
  asked: Omit<Asked, 'hasOwnKernel' | 'howToGetKernel' | 'howToDenyTraffic'>
}

/**
 * Examines one sandbox from the inside and, if the engine can tell, from the outside. The sandbox must
 * not be used for anything else.
 */
export async function examine(
  engine: Engine,
  { sandbox, leasePeer, agent, image, asked }: Patient,
): Promise<LanguageReport> {
  const listed = await engine.runtimes()
  const { hasOwnKernel = false } = listed.find(({ name }) => name === asked.runtime) ?? {}
  // The engine is asked first: the container may end with a trial.
  const outside = await engine.inspect?.(sandbox.name)
  const { howToGetRuntime: howToGetKernel, howToDenyTraffic } = engine.advice
  const patient = { ...asked, hasOwnKernel, howToGetKernel, howToDenyTraffic }
  const usedCpuMs = async () => (await engine.inspect?.(sandbox.name).catch(() => undefined))?.cpuMs
  const sendToPeer = leasePeer && (async () => sendBetween(sandbox, await leasePeer(), agent))
  const inside = await measure(sandbox, agent, patient, { usedCpuMs, sendToPeer })
  const server = { variables: process.env, kernel: release(), now: new Date() }
  const judged = judge({ asked: patient, inside, outside, server })
  return { ...judged, image, runtime: asked.runtime }
}
