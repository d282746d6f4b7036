import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../../src/index.js'
import { ExecHandle } from '../../../src/index.js'
import { flow, leased } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const CALLS: [string, (sandbox: Sandbox) => PromiseLike<unknown>][] = [
  ['runCode', (it) => it.runCode('1')],
  ['exec', (it) => it.exec('true')],
  ['startProcess', (it) => it.startProcess('true')],
  ['writeFile', (it) => it.writeFile('a', 'b')],
  ['writeFiles', (it) => it.writeFiles([{ path: 'a', content: 'b' }])],
  ['readFile', (it) => it.readFile('a')],
  ['readFile as a stream', (it) => it.readFile('a', { format: 'stream' })],
  ['listFiles', (it) => it.listFiles()],
  ['stat', (it) => it.stat('a')],
  ['exists', (it) => it.exists('a')],
  ['mkdir', (it) => it.mkdir('a')],
  ['moveFile', (it) => it.moveFile('a', 'b')],
  ['deleteFile', (it) => it.deleteFile('a')],
  ['collect', (it) => it.collect()],
]

describe('a sandbox', () => {
  it('that was not touched is returned', async () => {
    const { sandbox } = await leased()
    expect(sandbox).toMatchObject({
      name: 'sandbox_python_1.1_f00d42',
      language: 'python',
      runtime: 'runc',
    })
    expect(sandbox.listProcesses()).toEqual([])
    expect(sandbox.release()).toBe('returned')
    expect(sandbox.signal.reason).toBe('released')
  })

  it.each(CALLS)('is touched by %s', async (_, call) => {
    const { sandbox, lease } = await leased()
    void call(sandbox).then(null, () => {})
    expect(lease.isUsed).toBe(true)
    expect(sandbox.release()).toBe('recreated')
  })

  it.each(CALLS)('whose lease is over rejects %s, and says how it ended', async (_, call) => {
    const { agent, sandbox } = await leased()
    sandbox.release('aborted')
    await expect(Promise.resolve(call(sandbox))).rejects.toMatchObject({
      code: 'SANDBOX_LEASE_ENDED',
      message: expect.stringContaining('has ended (aborted)'),
    })
    expect(agent.heard).toEqual([])
  })

  it('is released at the end of its scope', async () => {
    const { sandbox } = await leased()
    await sandbox[Symbol.asyncDispose]()
    expect(sandbox.signal.reason).toBe('released')
  })
})

describe('what is run', () => {
  it('is a shell for a string, an array as it is, code with its arguments', async () => {
    const { agent, sandbox } = await leased()
    const surroundings = { cwd: '/tmp', env: { A: '1' } }
    const handles = [
      sandbox.exec('a | b', surroundings),
      sandbox.exec(['a', '| b'], { timeoutMs: 5, maxOutputBytes: 5, format: 'text' }),
      sandbox.runCode('1', { ...surroundings, args: ['x'] }),
      sandbox.runCode('2'),
    ]
    for (const handle of handles) expect(handle).toBeInstanceOf(ExecHandle)
    await flow()
    expect(agent.requests).toEqual([
      { op: 'exec', argv: ['/bin/sh', '-c', 'a | b'], ...surroundings, timeoutMs: 30_000 },
      { op: 'exec', argv: ['a', '| b'], timeoutMs: 5 },
      { op: 'run', code: '1', args: ['x'], ...surroundings, timeoutMs: 30_000 },
      { op: 'run', code: '2', timeoutMs: 30_000 },
    ])
  })
})
