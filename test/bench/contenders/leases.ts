import { Channel } from '../../../src/agent/channel.js'
import { Lease } from '../../../src/pool/lease.js'
import { LANGUAGES } from '../../../src/languages/built-in.js'
import { Sandbox } from '../../../src/sandbox/sandbox.js'
import { LocalContainer } from '../../helpers/local-container.js'
import type { Bench, Contender } from '../bench.js'
import { printed, settled, startPool } from '../bench.js'

/** The library with one lease for all runs. */
export async function warmLease(bench: Bench): Promise<Contender> {
  const pool = await startPool(bench, { size: 1, max: 1 })
  const sandbox = await pool.acquire(bench.language)
  return {
    what: 'runCode in a warm lease',
    where: 'container',
    run: async () => printed(await sandbox.runCode(bench.program)),
    settle: async () => {},
    close: () => pool.close({ deadlineMs: 0 }),
  }
}

/** The library with a lease, and so a new container, for each run. */
export async function freshLease(bench: Bench): Promise<Contender> {
  const { language } = bench
  const pool = await startPool(bench, { size: 2, max: 4 })
  return {
    what: 'acquire, runCode, release',
    where: 'container',
    run: async () => {
      const sandbox = await pool.acquire(language)
      try {
        return printed(await sandbox.runCode(bench.program))
      } finally {
        sandbox.release()
      }
    },
    settle: () => settled(pool, language),
    close: () => pool.close({ deadlineMs: 0 }),
  }
}

/** The agent as a process on the host. The difference to a warm lease is the cost of the container. */
export async function agentOnHost(bench: Bench): Promise<Contender> {
  const { language, program } = bench
  const container = new LocalContainer(language, {})
  container.stdin.write(LANGUAGES[language].agent.bundle.frameFor(container.name))
  const channel = await Channel.open(container, AbortSignal.timeout(30_000))
  const lease = new Lease<Channel>(channel, () => 'recreated')
  const sandbox = new Sandbox(lease, { language, runtime: 'host' })
  return {
    what: 'the agent without a container',
    where: 'host',
    run: async () => printed(await sandbox.runCode(program, { cwd: container.workspace })),
    settle: async () => {},
    close: () => channel.remove(),
  }
}
