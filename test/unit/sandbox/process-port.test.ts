import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import { flow, leased } from '../fakes/fake-agent.js'
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

/** A process in a container whose kernel has these tables; `undefined` is a file that is not there. */
async function running() {
  const world = await leased()
  const tables: Record<string, string | undefined> = {
    '/proc/net/tcp': HEAD,
    '/proc/net/tcp6': HEAD,
  }
  const starting = world.sandbox.startProcess('server')
  world.agent.started(1, { pid: 7 })
  const process = await starting
  let reads = 0
  world.agent.onFrame = ({ kind, id, payload }) => {
    if (kind !== Kind.request) return
    reads++
    const table = tables[JSON.parse(payload.toString()).path]
    if (table === undefined) return world.agent.fail(id, 'ENOENT')
    world.agent.started(id, { size: 0, mtimeMs: 0, mode: 0o444 })
    world.agent.data(id, Stream.stdout, table)
    world.agent.done(id, {})
  }
  /** Lets it look once more. */
  const look = async () => {
    vi.advanceTimersByTime(25)
    await flow()
    await flow()
  }
  return { ...world, process, tables, look, reads: () => reads }
}

describe('waitForPort()', () => {
  it.each([
    ['IPv4', '/proc/net/tcp', LISTENS],
    ['IPv6', '/proc/net/tcp6', LISTENS_6],
    ['any address', '/proc/net/tcp', row('00000000:1F40', '0A')],
    ['another place in the table', '/proc/net/tcp', `${row('0100007F:0050', '0A')}${LISTENS}`],
  ])('finds a listener of %s', async (_, file, lines) => {
    const { process, tables, look } = await running()
    const waiting = process.waitForPort(PORT)
    await look()
    await look()
    expect(await outcomeOf(waiting)).toBe('pending')
    tables[file] = HEAD + lines
    await look()
    expect(await outcomeOf(waiting)).toBeUndefined()
  })

  it.each([
    ['a connection to it', row('0100007F:1F40', '01')],
    ['a connection from it', row('0100007F:C350', '0A', '0100007F:1F40')],
    ['another port', row('0100007F:1F41', '0A')],
    ['a port that ends alike', row('0100007F:11F4', '0A')],
    ['nonsense', 'what?\n\n:1F40 0A\n'],
    ['no such file', undefined],
  ])('is not content with %s', async (_, lines) => {
    const { process, tables, look } = await running()
    tables['/proc/net/tcp'] = lines === undefined ? undefined : HEAD + lines
    const waiting = process.waitForPort(PORT)
    for (let times = 0; times < 3; times++) await look()
    expect(await outcomeOf(waiting)).toBe('pending')
  })

  it('finds the small ports by their four digits', async () => {
    const { process, tables, look } = await running()
    tables['/proc/net/tcp'] = HEAD + row('0100007F:0050', '0A')
    const waiting = process.waitForPort(80)
    await look()
    expect(await outcomeOf(waiting)).toBeUndefined()
  })

  it.each(['found', 'timeout', 'abort', 'exit', 'lease'] as const)(
    'leaves no timer and looks no more: %s',
    async (end) => {
      const { agent, process, tables, look, reads, sandbox, channel } = await running()
      const abort = new AbortController()
      const waiting = process.waitForPort(PORT, { timeoutMs: 1000, signal: abort.signal })
      waiting.catch(() => {})
      await look()
      if (end === 'found') tables['/proc/net/tcp'] = HEAD + LISTENS
      if (end === 'timeout') vi.advanceTimersByTime(1000)
      if (end === 'abort') abort.abort('enough')
      if (end === 'exit') agent.done(1, { exitCode: 1 })
      if (end === 'lease') sandbox.release()
      await look()
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
      for (let times = 0; times < 3; times++) await look()
      expect(reads()).toBe(before)
      await channel.remove()
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('looks at once, and every 25 ms while one look is not under way', async () => {
    const { process, look, reads, agent } = await running()
    const waiting = process.waitForPort(PORT, { timeoutMs: 1000 })
    waiting.catch(() => {})
    await flow()
    expect(reads()).toBe(2)
    await look()
    expect(reads()).toBe(4)
    agent.onFrame = () => {}
    await look()
    const asked = agent.requests.length
    for (let times = 0; times < 5; times++) await look()
    expect(agent.requests).toHaveLength(asked)
    vi.advanceTimersByTime(1000)
    await expect(waiting).rejects.toMatchObject({ code: 'SANDBOX_WAIT_TIMEOUT' })
  })
})
