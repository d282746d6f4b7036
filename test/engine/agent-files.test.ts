import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { isRoot, LocalAgent, sh } from '../helpers/agent.js'

const write = (name: string) => ({ op: 'write', path: name }) as const
const read = (name: string) => ({ op: 'read', path: name }) as const
const list = (name: string) => ({ op: 'list', path: name }) as const

describe.each(['python', 'nodejs'] as const)('the %s agent and files', (language) => {
  const agentOfTest = () => LocalAgent.ofTest(language)

  it('writes and reads them, relative to the workspace, in any size', async () => {
    const agent = await agentOfTest()
    const bytes = Buffer.alloc(700_000, 'bytes \0\xff')
    expect((await agent.ask(write('a ž.bin'), bytes)).done).toEqual({})
    expect(readFileSync(path.join(agent.workspace, 'a ž.bin')).equals(bytes)).toBe(true)
    const back = await agent.ask(read('a ž.bin'))
    expect([back.stdout.equals(bytes), back.done]).toEqual([true, {}])
    expect((await agent.ask(write('a ž.bin'), 'short')).done).toEqual({})
    expect((await agent.ask(read(`${agent.workspace}/a ž.bin`))).stdout.toString()).toBe('short')
    if (isRoot) expect(statSync(path.join(agent.workspace, 'a ž.bin')).uid).toBe(65534)
  })

  it('lists a folder, by name', async () => {
    const agent = await agentOfTest()
    await agent.ask(sh('mkdir b.d; printf 123 > c; mkfifo d; ln -s /nowhere a'))
    const { stdout } = await agent.ask(list('.'))
    const entries = stdout
      .toString()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(entries).toMatchObject([
      { name: 'a', type: 'symlink' },
      { name: 'b.d', type: 'directory' },
      { name: 'c', type: 'file', size: 3, mtimeMs: expect.any(Number) },
      { name: 'd', type: 'other' },
    ])
    expect(await agent.ask(list('b.d'))).toMatchObject({ stdout: Buffer.alloc(0), done: {} })
  })

  it.each([
    ['ENOENT', read('missing')],
    ['ENOENT', write('no/folder')],
    ['ENOENT', list('missing')],
    ['EISDIR', read('folder')],
    ['EISDIR', write('folder')],
    ['EINVAL', read('fifo')],
    ['EINVAL', read('/dev/zero')],
    ['EINVAL', write('/dev/null')],
    ['ENOTDIR', list('file')],
    ['ELOOP', read('loop')],
  ])('says %s to %j', async (code, request) => {
    const agent = await agentOfTest()
    await agent.ask(sh('mkdir folder; mkfifo fifo; echo x > file; ln -s loop loop'))
    const { done } = await agent.ask(request)
    expect(done).toEqual({ error: { code, message: expect.any(String) } })
    expect((await agent.ask(read('file'))).stdout.toString()).toBe('x\n')
  })

  it.runIf(isRoot)('has no more rights in them than the programs: EACCES', async () => {
    const agent = await agentOfTest()
    const secret = path.join(agent.workspace, 'secret')
    writeFileSync(secret, 'root only')
    chmodSync(secret, 0o600)
    symlinkSync(secret, path.join(agent.workspace, 'link'))
    for (const request of [read('secret'), write('secret'), read('link'), list('/root')]) {
      expect((await agent.ask(request)).done.error?.code).toBe('EACCES')
    }
  })
})
