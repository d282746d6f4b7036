import { AIMessage, ToolMessage } from '@langchain/core/messages'
import { fakeModel } from '@langchain/core/testing'
import type { SandboxBackendProtocolV2 } from 'deepagents'
import { CompositeBackend, createDeepAgent, isSandboxBackend, StateBackend } from 'deepagents'
import { deepAgentsBackend } from 'hono-sandbox/adapters'
import { describe, expect, it } from 'vitest'
import { runtimes, usePool, useSandbox } from './places.js'
import { CSV, expectPlot, RIGHT, WRONG } from './task.js'

const FOLDER = '/workspace/report'

describe.each(runtimes)('the backend of deepagents under %s', (runtime) => {
  const sandbox = useSandbox(usePool(runtime))
  const backendOf = (): SandboxBackendProtocolV2 =>
    deepAgentsBackend(sandbox(), { timeoutMs: 150_000 })

  it('does the task of an agent with its own tools', async () => {
    const calls: [string, Record<string, unknown>][] = [
      ['write_file', { file_path: `${FOLDER}/data.csv`, content: CSV }],
      ['write_file', { file_path: `${FOLDER}/plot.py`, content: WRONG }],
      ['execute', { command: `cd ${FOLDER} && python3 plot.py` }],
      ['grep', { pattern: 'sale', glob: '*.csv' }],
      ['edit_file', { file_path: `${FOLDER}/plot.py`, old_string: WRONG, new_string: RIGHT }],
      ['execute', { command: `cd ${FOLDER} && python3 plot.py` }],
      ['glob', { pattern: '**/*.png' }],
      ['ls', { path: FOLDER }],
      ['read_file', { file_path: `${FOLDER}/data.csv`, offset: 1, limit: 1 }],
    ]
    const model = fakeModel()
    for (const [name, args] of calls) model.respondWithTools([{ name, args }])
    model.respond(new AIMessage('done'))
    const backend = backendOf()
    expect(isSandboxBackend(backend)).toBe(true)
    const folders = { '/large_tool_results/': new StateBackend() }
    const agent = createDeepAgent({ model, backend: new CompositeBackend(backend, folders) })
    const { messages } = await agent.invoke({
      messages: [{ role: 'user', content: 'plot the sales' }],
    })
    const answers = messages.filter((message) => ToolMessage.isInstance(message))
    expect(answers.map(({ name, text }) => [name, text])).toEqual([
      ['write_file', expect.stringContaining('Successfully')],
      ['write_file', expect.stringContaining('Successfully')],
      ['execute', expect.stringMatching(/KeyError: 'sale'[^]*failed with exit code 1/)],
      ['grep', expect.stringContaining('1: day,sales')],
      ['edit_file', expect.stringContaining('Successfully')],
      ['execute', expect.stringContaining('total 7\n')],
      ['glob', 'report/plot.png'],
      ['ls', expect.stringContaining(`${FOLDER}/plot.png`)],
      ['read_file', expect.stringContaining('mon,3')],
    ])
    expect(answers.at(-1)?.text).not.toContain('tue')
    const plot = await backend.read(`${FOLDER}/plot.png`)
    expect(plot.mimeType).toBe('image/png')
    expectPlot(plot.content instanceof Uint8Array ? plot.content : null)
  }, 180_000)

  it('returns errors of files, and the reason that a command was killed', async () => {
    const backend = backendOf()
    expect(await backend.read('/workspace/none')).toEqual({
      error: "File '/workspace/none' not found",
    })
    expect(await backend.write('/etc/x', '')).toEqual({
      error: expect.stringMatching(/^(EROFS|EACCES)/),
    })
    expect(await backend.glob('!a')).toEqual({ error: expect.stringContaining('not supported') })
    expect(await backend.downloadFiles?.(['/workspace/none', '/workspace'])).toEqual([
      { path: '/workspace/none', content: null, error: 'file_not_found' },
      { path: '/workspace', content: null, error: 'is_directory' },
    ])
    const content = new Uint8Array(1)
    const uploads: [string, Uint8Array][] = [
      ['/workspace/one', content],
      ['/workspace/\0', content],
    ]
    expect(await backend.uploadFiles?.(uploads)).toMatchObject([
      { error: null },
      { error: 'invalid_path' },
    ])
    const limited = deepAgentsBackend(sandbox(), { timeoutMs: 300 })
    expect(await limited.execute('sleep 60')).toEqual({
      output: '[killed: timeout]',
      exitCode: 137,
      truncated: false,
    })
    expect(await backend.execute('[[ 1 ]] && echo out; echo err >&2; echo out')).toMatchObject({
      output: 'out\nerr\nout\n',
    })
  })

  it('searches the files that a pattern chooses', async () => {
    const backend = backendOf()
    for (const name of ['a.py', 'b.ts', 'c.md'])
      await backend.write(`/workspace/src/${name}`, '-x\n')
    const pathsOf = async (glob: string, max?: number) => {
      const { matches, truncated } = await backend.grep('-x', '/', glob, max)
      return [matches?.map(({ path }) => path).toSorted(), truncated]
    }
    const paths = ['/workspace/src/a.py', '/workspace/src/b.ts']
    expect(await pathsOf('*.py')).toEqual([paths.slice(0, 1), false])
    expect(await pathsOf('*.{py,ts}')).toEqual([paths, false])
    expect(await pathsOf('src/**/*.ts')).toEqual([paths.slice(1), false])
    expect(await backend.grep('-x', 'src', null, 2)).toMatchObject({ truncated: true })
    // The text of a line can end with a carriage return, and can look as the number of a line.
    await backend.write('/workspace/dos/a.txt', ':1: of dos\r\n')
    expect(await backend.grep('of dos', '/')).toEqual({
      matches: [{ path: '/workspace/dos/a.txt', line: 1, text: ':1: of dos\r' }],
      truncated: false,
    })
  })

  it('ends the commands of an agent that was aborted', async () => {
    const controller = new AbortController()
    const backend = deepAgentsBackend(sandbox(), { signal: controller.signal })
    const running = backend.execute('echo $$ > pid; sleep 60')
    await expect.poll(() => sandbox().exists('pid'), { timeout: 10_000 }).toBe(true)
    controller.abort()
    expect(await running).toMatchObject({ output: '[killed: abort]' })
    expect(await backend.grep('', '/')).toEqual({ matches: [], truncated: true })
  })

  it('edits only text files, and only a text that occurs once or all occurrences', async () => {
    const backend = backendOf()
    await sandbox().writeFile('binary', Buffer.from([0, 255, 254]))
    expect(await backend.edit('/workspace/binary', 'a', 'b')).toMatchObject({
      error: expect.stringContaining('not a text file'),
    })
    await backend.write('/workspace/twice', 'a $& a')
    expect(await backend.edit('/workspace/twice', 'a', 'b')).toMatchObject({
      error: expect.stringContaining('Multiple'),
    })
    expect(await backend.edit('/workspace/twice', 'a', '$&', true)).toMatchObject({
      occurrences: 2,
    })
    expect(await sandbox().readFile('twice', { format: 'text' })).toBe('$& $& $&')
    const long = await backend.edit('/workspace/twice', '$', 'b'.repeat(8_000_000), true)
    expect(long).toMatchObject({ error: expect.stringContaining('too long') })
  })
})
