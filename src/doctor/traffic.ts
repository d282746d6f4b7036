import * as v from 'valibot'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { Traffic } from './probes/evidence.js'
import type { ProbeSources } from './sources.js'
import { answerOf, runStep, STEP_MS } from './step.js'

const PORT = 47_654
/** The time limit for a packet to arrive, in seconds. It is long enough for a busy machine. */
const REACH_S = 5
/** The time for two attempts and the starts of their programs. */
const LISTEN_S = STEP_MS / 1000 - 2

const Address = v.object({ address: v.pipe(v.string(), v.ipv4()) })
const Reached = v.object({ error: v.string() })

/** The errors of a route that exists, but on which nothing comes back. */
const SILENT = new Set(['ETIMEDOUT', 'EHOSTUNREACH'])

/**
 * Sends from one sandbox to the other, and to no other address. The answer counts only if the other one
 * listens: it connects with itself first.
 */
export async function sendBetween(
  from: Sandbox,
  to: Sandbox,
  agent: keyof ProbeSources,
): Promise<Traffic> {
  const stepIn = async (sandbox: Sandbox, step: string, ...input: readonly unknown[]) =>
    answerOf(await runStep(sandbox, agent, step, ...input).catch(() => undefined))
  const found = v.safeParse(Address, await stepIn(to, 'address'))
  if (!found.success) return 'unknown'
  const { address } = found.output
  if (address.startsWith('127.')) return 'unknown'
  const reach = async (sandbox: Sandbox) => {
    const answer = v.safeParse(Reached, await stepIn(sandbox, 'reach', address, PORT, REACH_S))
    return answer.success ? answer.output.error : 'unknown'
  }
  const listening = stepIn(to, 'listen', PORT, LISTEN_S)
  // It ends with the first connection, that of the other sandbox or its own.
  const error = await reach(from)
  const isListening = error === '' || (await reach(to)) === ''
  if (isListening) await listening
  if (error === '') return 'passes'
  return isListening && SILENT.has(error) ? 'denied' : 'unknown'
}
