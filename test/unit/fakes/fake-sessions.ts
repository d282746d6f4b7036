import type { Channel } from '../../../src/agent/channel.js'
import { Lease } from '../../../src/pool/lease.js'
import type { LeaseEnd } from '../../../src/pool/lease.js'
import type { AcquireOptions } from '../../../src/pool/types.js'
import type { SessionBounds } from '../../../src/sessions/places.js'
import type { OnSessionEnd, OnSessionStart } from '../../../src/sessions/types.js'
import { Sessions } from '../../../src/sessions/sessions.js'
import type { FakeAgent } from './fake-agent.js'
import { openChannel } from './fake-agent.js'

/** A container of a session, with its fake agent and the lease of the session. */
interface FakeContainer {
  agent: FakeAgent
  lease: Lease<Channel>
}

/** Creates sessions whose containers are fake agents. `bounds` may be changed by the test. */
export function fakeSessions(
  options: {
    onSessionStart?: OnSessionStart
    onSessionEnd?: OnSessionEnd
  } & Partial<SessionBounds> = {},
) {
  const { onSessionStart, onSessionEnd, ...given } = options
  const bounds: SessionBounds = {
    maxSessions: 3,
    maxSessionsPerTenant: Number.POSITIVE_INFINITY,
    evictIdle: false,
    maxWaiting: 10,
    ...given,
  }
  const containers: FakeContainer[] = []
  const acquired: AcquireOptions[] = []
  let launched = 0
  const source = {
    /** Returns the next container. A test replaces it to refuse or to wait. */
    acquire: async (_options: AcquireOptions): Promise<Lease<Channel>> => {
      const { agent, channel } = await openChannel(`sandbox_python_${++launched}`)
      const lease = new Lease<Channel>(channel, () => {
        void channel.remove()
        return 'recreated'
      })
      void channel.exited.then(() => lease.end('crash'))
      containers.push({ agent, lease })
      return lease
    },
  }
  const sessions = new Sessions({
    language: 'python',
    bounds: () => bounds,
    leaseTtlMs: 300_000,
    acquire: async (each) => {
      acquired.push(each)
      return source.acquire(each)
    },
    about: () => ({ language: 'python', runtime: 'runc', env: { LANG: 'C.UTF-8' } }),
    hooks: { onStart: onSessionStart, onEnd: onSessionEnd, timeoutMs: 10_000 },
  })
  const ends = (): (LeaseEnd | undefined)[] => containers.map(({ lease }) => lease.ended)
  return { sessions, bounds, containers, acquired, source, ends }
}
