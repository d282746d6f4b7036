import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../../src/index.js'
import { ExecHandle } from '../../../src/index.js'
import { flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const CALLS: [string, (sandbox: Sandbox) => PromiseLike<unknown>][] = [
  ['runCode', (sandbox) => sandbox.runCode('1')],
  ['exec', (sandbox) => sandbox.exec('true')],
  ['startProcess', (sandbox) => sandbox.startProcess('true')],
  ['writeFile', (sandbox) => sandbox.writeFile('a', 'b')],
  ['writeFiles', (sandbox) => sandbox.writeFiles([{ path: 'a', content: 'b' }])],
  ['readFile', (sandbox) => sandbox.readFile('a')],
  ['readFile as a stream', (sandbox) => sandbox.readFile('a', { format: 'stream' })],
  ['listFiles', (sandbox) => sandbox.listFiles()],
  ['stat', (sandbox) => sandbox.stat('a')],
  ['exists', (sandbox) => sandbox.exists('a')],
  ['mkdir', (sandbox) => sandbox.mkdir('a')],
  ['moveFile', (sandbox) => sandbox.moveFile('a', 'b')],
  ['deleteFile', (sandbox) => sandbox.deleteFile('a')],
  ['collect', (sandbox) => sandbox.collect()],
]

describe('a sandbox', () => {
  it('is returned to the pool if no call has used it', async () => {
    const { sandbox } = await leaseSandbox()
    expect(sandbox).toMatchObject({
      name: 'sandbox_python_1.1_f00d42',
      language: 'python',
      runtime: 'runc',
    })
    expect(sandbox.listProcesses()).toEqual([])
    expect(sandbox.release()).toBe('returned')
    expect(sandbox.signal.reason).toBe('released')
  })

  it.each(CALLS)('counts as used after %s', async (_, call) => {
    const { sandbox, lease } = await leaseSandbox()
    void call(sandbox).then(null, () => {})
    expect(lease.isUsed).toBe(true)
    expect(sandbox.release()).toBe('recreated')
  })

  it.each(CALLS)('rejects %s with the reason after its lease has ended', async (_, call) => {
    const { agent, sandbox } = await leaseSandbox()
    sandbox.release('aborted')
    await expect(Promise.resolve(call(sandbox))).rejects.toMatchObject({
      code: 'SANDBOX_LEASE_ENDED',
      message: expect.stringContaining('has ended (aborted)'),
    })
    expect(agent.received).toEqual([])
  })

  it('is released at the end of its scope', async () => {
    const { sandbox } = await leaseSandbox()
    await sandbox[Symbol.asyncDispose]()
    expect(sandbox.signal.reason).toBe('released')
  })
})

describe('exec() and runCode()', () => {
  it('request a shell for a string, the words of an array, or code with arguments', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const environment = { cwd: '/tmp', env: { A: '1' } }
    const handles = [
      sandbox.exec('a | b', environment),
      sandbox.exec(['a', '| b'], { timeoutMs: 5, maxOutputBytes: 5, format: 'text' }),
      sandbox.runCode('1', { ...environment, args: ['x'] }),
      sandbox.runCode('2'),
    ]
    for (const handle of handles) expect(handle).toBeInstanceOf(ExecHandle)
    await flushStreams()
    expect(agent.requests).toEqual([
      { op: 'exec', argv: ['/bin/sh', '-c', 'a | b'], ...environment, timeoutMs: 30_000 },
      { op: 'exec', argv: ['a', '| b'], timeoutMs: 5 },
      { op: 'run', code: '1', args: ['x'], ...environment, timeoutMs: 30_000 },
      { op: 'run', code: '2', timeoutMs: 30_000 },
    ])
  })
})
