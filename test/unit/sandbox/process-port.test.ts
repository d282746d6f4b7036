import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import { flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (local: string, state: string, remote = '00000000:0000') =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 65534 0 1 1 0 100 0 0 10 0\n`
const PORT = 8000 // 0x1F40
const LISTENS = row('0100007F:1F40', '0A')
const LISTENS_6 = row('00000000000000000000000000000000:1F40', '0A')

/** Starts a process. A test changes the `tables` of its kernel. `undefined` is a missing file. */
async function startProcess() {
  const fixture = await leaseSandbox()
  const tables: Record<string, string | undefined> = {
    '/proc/net/tcp': HEAD,
    '/proc/net/tcp6': HEAD,
  }
  const starting = fixture.sandbox.startProcess('server')
  fixture.agent.started(1, { pid: 7 })
  const process = await starting
  let reads = 0
  fixture.agent.onFrame = ({ kind, id, payload }) => {
    if (kind !== Kind.request) return
    reads++
    const table = tables[JSON.parse(payload.toString()).path]
    if (table === undefined) return fixture.agent.fail(id, 'ENOENT')
    fixture.agent.started(id, { size: 0, mtimeMs: 0, mode: 0o444 })
    fixture.agent.data(id, Stream.stdout, table)
    fixture.agent.done(id, {})
  }
  /** Lets the time for one more check pass. */
  const nextCheck = async () => {
    vi.advanceTimersByTime(25)
    await flushStreams()
    await flushStreams()
  }
  return { ...fixture, process, tables, nextCheck, reads: () => reads }
}

describe('waitForPort()', () => {
  it.each([
    ['IPv4', '/proc/net/tcp', LISTENS],
    ['IPv6', '/proc/net/tcp6', LISTENS_6],
    ['any address', '/proc/net/tcp', row('00000000:1F40', '0A')],
    ['another row of the table', '/proc/net/tcp', `${row('0100007F:0050', '0A')}${LISTENS}`],
  ])('finds a listener of %s', async (_, file, lines) => {
    const { process, tables, nextCheck } = await startProcess()
    const waiting = process.waitForPort(PORT)
    await nextCheck()
    await nextCheck()
    expect(await outcomeOf(waiting)).toBe('pending')
    tables[file] = HEAD + lines
    await nextCheck()
    expect(await outcomeOf(waiting)).toBeUndefined()
  })

  it.each([
    ['a connection to the port', row('0100007F:1F40', '01')],
    ['the port as a remote address', row('0100007F:C350', '0A', '0100007F:1F40')],
    ['another port', row('0100007F:1F41', '0A')],
    ['a port with similar digits', row('0100007F:11F4', '0A')],
    ['an unknown format of the table', 'what?\n\n:1F40 0A\n'],
    ['a missing table', undefined],
  ])('keeps waiting if there is only %s', async (_, lines) => {
    const { process, tables, nextCheck } = await startProcess()
    tables['/proc/net/tcp'] = lines === undefined ? undefined : HEAD + lines
    const waiting = process.waitForPort(PORT)
    for (let times = 0; times < 3; times++) await nextCheck()
    expect(await outcomeOf(waiting)).toBe('pending')
  })

  it('finds a small port, whose number has leading zeros in the table', async () => {
    const { process, tables, nextCheck } = await startProcess()
    tables['/proc/net/tcp'] = HEAD + row('0100007F:0050', '0A')
    const waiting = process.waitForPort(80)
    await nextCheck()
    expect(await outcomeOf(waiting)).toBeUndefined()
  })

  it.each(['found', 'timeout', 'abort', 'exit', 'lease'] as const)(
    'leaves no timer and stops its checks after the end "%s"',
    async (end) => {
      const { agent, process, tables, nextCheck, reads, sandbox, channel } = await startProcess()
      const abort = new AbortController()
      const waiting = process.waitForPort(PORT, { timeoutMs: 1000, signal: abort.signal })
      waiting.catch(() => {})
      await nextCheck()
      if (end === 'found') tables['/proc/net/tcp'] = HEAD + LISTENS
      if (end === 'timeout') vi.advanceTimersByTime(1000)
      if (end === 'abort') abort.abort('enough')
      if (end === 'exit') agent.done(1, { exitCode: 1 })
      if (end === 'lease') sandbox.release()
      await nextCheck()
      const ends = {
        found: undefined,
        timeout: { code: 'SANDBOX_WAIT_TIMEOUT', message: expect.stringContaining('port 8000') },
        abort: 'enough',
        exit: { code: 'SANDBOX_PROCESS_EXITED' },
        lease: { code: 'SANDBOX_PROCESS_EXITED' },
      }
      const outcome = await outcomeOf(waiting)
      if (typeof ends[end] === 'object') expect(outcome).toMatchObject(ends[end])
      else expect(outcome).toBe(ends[end])
      const before = reads()
      for (let times = 0; times < 3; times++) await nextCheck()
      expect(reads()).toBe(before)
      await channel.remove()
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('checks at once, and then every 25 ms if no check is in progress', async () => {
    const { process, nextCheck, reads, agent } = await startProcess()
    const waiting = process.waitForPort(PORT, { timeoutMs: 1000 })
    waiting.catch(() => {})
    await flushStreams()
    expect(reads()).toBe(2)
    await nextCheck()
    expect(reads()).toBe(4)
    agent.onFrame = () => {}
    await nextCheck()
    const requests = agent.requests.length
    for (let times = 0; times < 5; times++) await nextCheck()
    expect(agent.requests).toHaveLength(requests)
    vi.advanceTimersByTime(1000)
    await expect(waiting).rejects.toMatchObject({ code: 'SANDBOX_WAIT_TIMEOUT' })
  })
})
