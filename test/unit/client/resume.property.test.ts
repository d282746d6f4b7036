import { array, assert, asyncProperty, boolean, constant, nat, oneof, record } from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { KeptRuns } from '../../../middleware/kept-runs.js'
import { SocketRun } from '../../../middleware/socket-run.js'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { RunEvent } from '../../../src/client/index.js'
import { runSocket } from '../../../src/client/index.js'
import { flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { FakeNetwork } from '../fakes/fake-network.js'
import { useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

useFakeTime()

/** Starts a program that echoes its input, and exits at the end of its input. */
async function startEcho() {
  const { agent, sandbox } = await leaseSandbox()
  agent.onFrame = ({ kind, id, payload }) => {
    if (kind === Kind.ping) agent.send(Kind.ping, id)
    if (kind === Kind.request) agent.started(id)
    if (kind === Kind.data) {
      agent.data(id, Stream.stdout, payload.subarray(1))
      agent.credit(id, payload.length - 1)
    }
    if (kind === Kind.eof) agent.done(id)
  }
  return { sandbox, handle: sandbox.runCode('echo', { timeoutMs: 1_000_000 }) }
}

/** A client, a server and the network between them. `starts` has the programs that have run. */
function connectClient(keepMs = 1_000_000) {
  const starts: string[] = []
  const releases: unknown[] = []
  const start = async (program: string, signal: AbortSignal) => {
    starts.push(program)
    const started = await startEcho()
    signal.addEventListener('abort', () => started.sandbox.release('aborted'))
    started.sandbox.signal.addEventListener('abort', ({ target }) => {
      if (target instanceof AbortSignal) releases.push(target.reason)
    })
    return started
  }
  const errors: unknown[] = []
  const onError = (error: unknown) => errors.push(error)
  const runs = new KeptRuns({ keepMs, maxRuns: 10 })
  const network = new FakeNetwork({
    firstMessageMs: 1_000_000,
    keepMs,
    runs,
    createRun: (outbox) => new SocketRun(outbox, { start, onError }),
    onError,
  })
  const run = runSocket('ws://fake', 'program', { connect: network.connect })
  const events: RunEvent[] = []
  const over = (async () => {
    for await (const event of run) events.push(event)
  })()
  const end = { error: undefined as unknown, isOver: false }
  over.then(
    () => (end.isOver = true),
    (error: unknown) => Object.assign(end, { error, isOver: true }),
  )
  const stdout = () => events.map((each) => (each.type === 'stdout' ? each.data : '')).join('')
  /** Lets the server receive the program. */
  const begin = async () => {
    while (starts.length === 0) {
      network.deliver('server', 1)
      network.deliver('client', 1)
      await flushStreams()
    }
  }
  return { run, network, starts, releases, errors, events, end, stdout, begin }
}

/** Lets the network deliver everything, until the client has its end. */
async function settle({ network, end }: ReturnType<typeof connectClient>): Promise<void> {
  for (let round = 0; round < 100 && !end.isOver; round++) {
    network.deliver('server', 100)
    await flushStreams()
    network.deliver('client', 100)
    await flushStreams()
    await vi.advanceTimersByTimeAsync(100)
  }
}

/** The time for which a client waits for a server that has not begun. */
const PATIENCE_MS = 15_000

describe('a client over a network that loses connections', () => {
  const step = oneof(
    { weight: 4, arbitrary: record({ to: constant('server' as const), count: nat(4) }) },
    { weight: 4, arbitrary: record({ to: constant('client' as const), count: nat(4) }) },
    { weight: 4, arbitrary: constant('write' as const) },
    { weight: 2, arbitrary: constant('cut' as const) },
    { weight: 2, arbitrary: constant('pass time' as const) },
  )

  it('runs its program once, and passes each input and each event once', async () => {
    const property = asyncProperty(
      array(step, { maxLength: 60 }),
      boolean(),
      async (steps, hasBegun) => {
        vi.clearAllTimers()
        const client = connectClient()
        const { network, run, starts, end, events, stdout, errors } = client
        let written = ''
        /** Whether the connection was lost before the server had the program. */
        let isEarly = false
        let waitedMs = 0
        if (hasBegun) await client.begin()
        for (const each of steps) {
          if (each === 'write') {
            const piece = `${written.length},`
            written += piece
            void run.write(piece)
          } else if (each === 'cut') {
            isEarly = (network.cut() && starts.length === 0) || isEarly
          } else if (each === 'pass time') {
            // The test after this one has a client that waits for longer.
            if (starts.length === 0 && (waitedMs += 3000) >= PATIENCE_MS) continue
            await vi.advanceTimersByTimeAsync(3000)
          } else network.deliver(each.to, each.count)
          await flushStreams()
        }
        run.eof()
        await settle(client)
        network.end()
        expect(vi.getTimerCount()).toBe(0)
        if (isEarly) {
          expect(end).toMatchObject({ error: { reason: expect.stringMatching(/^(refused|cut)$/) } })
          expect(starts).toEqual([])
          return
        }
        expect(end).toEqual({ isOver: true, error: undefined })
        expect(errors).toEqual([])
        expect(events.at(-1)).toMatchObject({ type: 'exit', exitCode: 0 })
        expect(events.at(-1)).not.toHaveProperty('seq')
        expect(starts).toEqual(['program'])
        expect(stdout()).toBe(written)
      },
    )
    await assert(property, cases(300))
  }, 60_000)

  it('is refused if the server is silent before it has the program', async () => {
    const { network, starts, end } = connectClient()
    await vi.advanceTimersByTimeAsync(PATIENCE_MS)
    await flushStreams()
    expect(end).toMatchObject({ isOver: true, error: { reason: 'refused' } })
    expect(starts).toEqual([])
    network.end()
  })

  it('comes back if no heartbeat arrives, although its connection is open', async () => {
    const client = connectClient()
    await client.begin()
    void client.run.write('a')
    // The network delivers nothing, and closes nothing.
    await vi.advanceTimersByTimeAsync(50_000)
    expect(client.network.connections).toBe(2)
    client.run.eof()
    await settle(client)
    expect(client.end).toEqual({ isOver: true, error: undefined })
    expect(client.stdout()).toBe('a')
    expect(client.starts).toEqual(['program'])
    client.network.end()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('answers heartbeats, and is cut when the time of its run is over', async () => {
    const client = connectClient(20_000)
    await client.begin()
    for (let beat = 0; beat < 10; beat++) {
      await vi.advanceTimersByTimeAsync(15_000)
      client.network.deliver('client', 10)
      client.network.deliver('server', 10)
      await flushStreams()
    }
    expect(client.network.connections).toBe(1)
    client.network.isDown = true
    client.network.cut()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(client.end).toMatchObject({ error: { reason: 'cut' } })
    expect(client.releases).toEqual(['aborted'])
    client.network.end()
    expect(vi.getTimerCount()).toBe(0)
  })
})
