import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Sandbox } from '../../../src/sandbox/sandbox.js'
import { flushStreams } from '../fakes/fake-agent.js'
import { fakeSessions } from '../fakes/fake-sessions.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

const MAX_SESSIONS = 2

/** One event in the life of the sessions. `at` chooses one of the visits or containers. */
const Events = fc.oneof(
  fc.record({
    do: fc.constant('visit' as const),
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    tenant: fc.constantFrom('one', 'two', undefined),
    sessionConcurrency: fc.constantFrom(1, undefined),
    timeoutMs: fc.integer({ min: 0, max: 50 }),
  }),
  fc.record({
    do: fc.constantFrom('release' as const, 'crash' as const, 'end' as const, 'leave' as const),
    at: fc.nat(20),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }),
)

const Step = fc.record({ event: Events, hasPause: fc.boolean() })

type Event = typeof Events extends fc.Arbitrary<infer T> ? T : never

interface Visit {
  key: string
  isOrdered: boolean
  client: AbortController
  sandbox?: Sandbox
  error?: unknown
}

useFakeTime()

describe('sessions after any steps', () => {
  it('keep their bounds and their keys, are new once, and leave no request waiting', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(Step, { maxLength: 25 }),
        fc.boolean(),
        async (steps, evictIdle) => {
          vi.clearAllTimers()
          const { sessions, containers } = fakeSessions({ maxSessions: MAX_SESSIONS, evictIdle })
          const visits: Visit[] = []
          const visit = (step: Extract<Event, { do: 'visit' }>) => {
            const { do: _, id, ...options } = step
            const entry: Visit = {
              key: `${options.tenant} ${id}`,
              isOrdered: options.sessionConcurrency === 1,
              client: new AbortController(),
            }
            visits.push(entry)
            const { signal } = entry.client
            sessions.visit(id, { ...options, sessionIdleMs: 30, sessionTtlMs: 100, signal }).then(
              (sandbox) => (entry.sandbox = sandbox),
              (error: unknown) => (entry.error = error),
            )
          }
          const open = () => visits.filter(({ sandbox }) => sandbox && !sandbox.signal.aborted)
          const apply = (step: Event) => {
            if (step.do === 'visit') return visit(step)
            if (step.do === 'wait') return advanceTime(step.ms)
            const held = open()
            if (step.do === 'release') held[step.at % held.length]?.sandbox?.release()
            else if (step.do === 'leave') visits[step.at % visits.length]?.client.abort()
            else if (step.do === 'end') void held[step.at % held.length]?.sandbox?.session?.end()
            else containers[step.at % containers.length]?.agent.exit()
          }

          for (const { event, hasPause } of steps) {
            apply(event)
            // Without a pause, the next step meets requests that have just begun.
            if (hasPause) await flushStreams()
            expect(sessions.size).toBeLessThanOrEqual(MAX_SESSIONS)
            const leased = containers.filter(({ lease }) => !lease.ended)
            expect(leased.length).toBeLessThanOrEqual(MAX_SESSIONS)
            const inUse = new Map(open().map(({ key, sandbox }) => [sandbox?.name, key]))
            expect(new Set(inUse.values()).size).toBe(inUse.size)
            for (const { agent } of containers) {
              const granted = visits.filter(({ sandbox }) => sandbox?.name === agent.name)
              expect(new Set(granted.map(({ key }) => key)).size).toBeLessThanOrEqual(1)
              expect(granted.filter(({ sandbox }) => sandbox?.session?.isNew).length).toBeLessThan(
                2,
              )
              const ordered = granted.filter(
                (each) => each.isOrdered && !each.sandbox?.signal.aborted,
              )
              expect(ordered.length).toBeLessThanOrEqual(1)
            }
          }

          void sessions.close({ deadlineMs: 60_000 })
          advanceTime(60)
          await flushStreams()
          for (let held = open(); held.length > 0; held = open()) {
            for (const { sandbox } of held) sandbox?.release()
            await flushStreams()
          }
          expect(visits.filter(({ sandbox, error }) => !sandbox && !error).length).toBe(0)
          expect(containers.filter(({ lease }) => !lease.ended).length).toBe(0)
          expect(sessions.size).toBe(0)
          expect(vi.getTimerCount()).toBe(0)
        },
      ),
      cases(600),
    )
  }, 120_000)
})
