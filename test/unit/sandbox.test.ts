import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../src/agent/channel.js'
import { Kind, Stream } from '../../src/agent/protocol.js'
import { SandboxFileError } from '../../src/errors.js'
import { Lease } from '../../src/lease.js'
import { Sandbox } from '../../src/sandbox.js'
import { flow, openChannel } from './fake-agent.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

async function leased() {
  const { agent, channel } = await openChannel()
  const lease = new Lease<Channel>(channel, ({ isUsed }) => (isUsed ? 'recreated' : 'returned'))
  const sandbox = new Sandbox(lease, { language: 'python', runtime: 'runc' })
  const request = () => JSON.parse(agent.heardOf(Kind.request)[0]?.payload.toString() ?? 'null')
  return { agent, lease, sandbox, request }
}

describe('a sandbox', () => {
  it('that was not touched is returned', async () => {
    const { sandbox } = await leased()
    expect(sandbox).toMatchObject({ name: 'sandbox_python_1.1_f00d42', runtime: 'runc' })
    expect(sandbox.release()).toBe('returned')
    expect(sandbox.signal.reason).toBe('released')
  })

  it('is touched by every call that passes its checks, and by no other', async () => {
    const { sandbox, lease } = await leased()
    await expect(sandbox.exec([])).rejects.toMatchObject({ code: 'SANDBOX_INVALID_OPTION' })
    await expect(sandbox.runCode('1', { timeoutMs: -1 })).rejects.toThrow('runCode: timeoutMs')
    await expect(sandbox.readFile('')).rejects.toThrow('path')
    expect(lease.isUsed).toBe(false)
    void sandbox.listFiles().catch(() => {})
    expect(lease.isUsed).toBe(true)
    expect(sandbox.release()).toBe('recreated')
  })

  it('whose lease is over rejects every call, and says how it ended', async () => {
    const { agent, sandbox } = await leased()
    sandbox.release('aborted')
    const calls = [
      sandbox.runCode('1'),
      sandbox.exec('true'),
      sandbox.writeFile('a', 'b'),
      sandbox.readFile('a'),
      sandbox.listFiles(),
    ]
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({
        code: 'SANDBOX_LEASE_ENDED',
        message: expect.stringContaining('is over (aborted)'),
      })
    }
    expect(agent.heard).toEqual([])
  })

  it('runs a string through a shell, an array as it is', async () => {
    const shell = await leased()
    void shell.sandbox.exec('a | b', { cwd: '/tmp', env: { A: '1' } })
    await flow()
    expect(shell.request()).toEqual({
      op: 'exec',
      argv: ['/bin/sh', '-c', 'a | b'],
      cwd: '/tmp',
      env: { A: '1' },
    })
    const direct = await leased()
    void direct.sandbox.exec(['a', '| b'])
    await flow()
    expect(direct.request()).toEqual({ op: 'exec', argv: ['a', '| b'] })
  })
})

describe('files', () => {
  it('are read to their end', async () => {
    const { agent, sandbox, request } = await leased()
    const reading = sandbox.readFile('a')
    agent.data(1, Stream.stdout, 'ab')
    agent.data(1, Stream.stdout, 'c')
    agent.done(1, {})
    expect((await reading).toString()).toBe('abc')
    expect(request()).toEqual({ op: 'read', path: 'a' })
  })

  it('that are too long are an EFBIG, and their reading is stopped', async () => {
    const { agent, sandbox } = await leased()
    const reading = sandbox.readFile('a', { maxBytes: 2 })
    agent.data(1, Stream.stdout, 'abc')
    agent.done(1, {})
    await expect(reading).rejects.toMatchObject({ errno: 'EFBIG', path: 'a' })
    await flow()
    expect(agent.heardOf(Kind.signal)).toHaveLength(1)
  })

  it('that fail carry the errno', async () => {
    const { agent, sandbox } = await leased()
    const writing = sandbox.writeFile('a/b', 'text')
    agent.done(1, { error: { code: 'ENOENT', message: 'no such file' } })
    await expect(writing).rejects.toBeInstanceOf(SandboxFileError)
    await expect(writing).rejects.toMatchObject({ errno: 'ENOENT' })
  })

  it('are written with their end', async () => {
    const { agent, sandbox } = await leased()
    const writing = sandbox.writeFile('a', 'text')
    await flow()
    expect(agent.heard.map(({ kind }) => kind)).toEqual([Kind.request, Kind.data, Kind.eof])
    agent.done(1, {})
    await writing
  })

  it('are lost with the container', async () => {
    const { agent, sandbox } = await leased()
    const reading = sandbox.readFile('a')
    agent.exit()
    await expect(reading).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })
})
