import { generateText, isStepCount, jsonSchema, tool, ToolLoopAgent } from 'ai'
import { aiSandbox, tools } from 'hono-sandbox/adapters'
import { describe, expect, it } from 'vitest'
import { runtimes, usePool, useSandbox } from './places.js'
import { scripted, toldTo } from './script.js'
import { commandOf, CSV, expectPlot, RIGHT, WRONG } from './task.js'

const shell = tool({
  description: ({ experimental_sandbox }) => `Runs a command. ${experimental_sandbox?.description}`,
  inputSchema: jsonSchema<{ command: string }>({ type: 'object' }),
  execute: async ({ command }, { abortSignal, experimental_sandbox }) =>
    experimental_sandbox?.run({ command, abortSignal }),
})

describe.each(runtimes)('under %s', (runtime) => {
  const sandbox = useSandbox(usePool(runtime))

  describe('aiSandbox()', () => {
    it('does the task of an agent', async () => {
      const box = aiSandbox(sandbox())
      await box.writeTextFile({ path: 'data.csv', content: CSV })
      const steps = [WRONG, RIGHT].map((program) => ({
        tool: 'shell',
        input: { command: commandOf(program) },
      }))
      const model = scripted([...steps, 'The total is 7.'])
      const agent = new ToolLoopAgent({ model, tools: { shell } })
      const { text } = await agent.generate({ prompt: 'Plot data.csv', experimental_sandbox: box })
      expect(text).toBe('The total is 7.')
      const [, afterWrong, afterRight] = toldTo(model)
      expect(afterWrong).toContain("KeyError: 'sale'")
      expect(afterRight).toContain('total 7')
      expectPlot(await box.readBinaryFile({ path: 'plot.png' }))
    })

    it('reads and writes files as the interface says', async () => {
      const box = aiSandbox(sandbox())
      await box.writeFile({ path: 'a/b.txt', content: new Blob(['1\n2\n3\n']).stream() })
      expect(await box.readTextFile({ path: 'a/b.txt', startLine: 2, endLine: 9 })).toBe('2\n3\n')
      await box.writeTextFile({ path: 'a/c.txt', content: 'é', encoding: 'latin1' })
      expect([...((await box.readBinaryFile({ path: 'a/c.txt' })) ?? [])]).toEqual([0xe9])
      const stream = await box.readFile({ path: '/workspace/a/b.txt' })
      expect(await new Response(stream).text()).toBe('1\n2\n3\n')
      expect(await box.stat({ path: 'a/b.txt' })).toEqual({ type: 'file', size: 6 })
      expect(await box.listDirectory({ path: 'a' })).toEqual([
        { name: 'b.txt', type: 'file' },
        { name: 'c.txt', type: 'file' },
      ])
      expect(await box.deleteFile({ path: 'a/c.txt' })).toBe(true)
    })

    it('returns null for a missing file, and throws other errors', async () => {
      const box = aiSandbox(sandbox())
      await box.writeTextFile({ path: 'file', content: '' })
      await box.run({ command: 'mkdir folder' })
      const path = 'missing/file'
      expect(await box.readFile({ path })).toBeNull()
      expect(await box.readTextFile({ path })).toBeNull()
      expect(await box.stat({ path })).toBeNull()
      expect(await box.listDirectory({ path })).toBeNull()
      expect(await box.deleteFile({ path })).toBe(false)
      await expect(box.listDirectory({ path: 'file' })).rejects.toMatchObject({ errno: 'ENOTDIR' })
      await expect(box.deleteFile({ path: 'folder' })).rejects.toMatchObject({ errno: 'EISDIR' })
      await expect(box.readBinaryFile({ path: 'folder' })).rejects.toMatchObject({
        errno: 'EISDIR',
      })
      const write = box.writeTextFile({ path: 'folder', content: '' })
      await expect(write).rejects.toMatchObject({ errno: 'EISDIR' })
    })

    it('runs commands with bash, or with sh if there is no bash', async () => {
      const box = aiSandbox(sandbox())
      await box.run({ command: 'mkdir bin && ln -s /bin/sh bin/sh' })
      expect((await box.run({ command: 'cat <(echo $0)' })).stdout).toBe('bash\n')
      const env = { PATH: '/workspace/bin' }
      expect((await box.run({ command: 'echo $0', env })).stdout).toBe('sh\n')
    })

    it('streams a process with an input', async () => {
      const box = aiSandbox(sandbox())
      const command = 'cat; head -c 3000000 /dev/zero; echo end >&2; exit 3'
      const process = await box.spawn({ command, stdin: true, env: { A: '1' } })
      const writer = process.stdin.getWriter()
      await writer.write(new TextEncoder().encode('in'))
      await writer.close()
      const output = Promise.all([
        new Response(process.stdout).bytes(),
        new Response(process.stderr).text(),
      ])
      expect(await process.wait()).toEqual({ exitCode: 3 })
      const [bytes, errors] = await output
      expect(bytes.length).toBe(3_000_002)
      expect(errors).toBe('end\n')
      expect('stdin' in (await box.spawn({ command: 'true' }))).toBe(false)
    })

    it('a process continues if its output is cancelled', async () => {
      const process = await aiSandbox(sandbox()).spawn({ command: 'head -c 3000000 /dev/zero' })
      await process.stdout.cancel()
      expect(await process.wait()).toEqual({ exitCode: 0 })
    })

    it('ends a command when its signal aborts or its time is over', async () => {
      const box = aiSandbox(sandbox(), { timeoutMs: 500 })
      const reason = new Error('enough')
      const stop = new AbortController()
      const process = await box.spawn({
        command: 'echo begun; exec sleep 60',
        abortSignal: stop.signal,
      })
      const reader = process.stdout.getReader()
      await reader.read() // the command runs
      const run = box.run({ command: 'exec sleep 60', abortSignal: stop.signal })
      stop.abort(reason)
      expect(await Promise.allSettled([process.wait(), run])).toEqual([
        { status: 'rejected', reason },
        { status: 'rejected', reason },
      ])
      const killed = await box.spawn({ command: 'exec sleep 60' })
      await killed.kill()
      await killed.kill()
      expect(await killed.wait()).toEqual({ exitCode: 137 })
      const late = await box.run({ command: 'echo out; exec sleep 60' })
      expect(late).toEqual({ exitCode: 137, stdout: 'out\n', stderr: '[killed: timeout]' })
    })
  })

  describe('tools()', () => {
    it('do the task of an agent', async () => {
      const model = scripted([
        { tool: 'writeFile', input: { path: 'data.csv', content: CSV } },
        { tool: 'runCode', input: { code: WRONG } },
        { tool: 'runCode', input: { code: RIGHT } },
        { tool: 'runCode', input: { code: "data['sales'].max()" } },
        { tool: 'runCode', input: { code: "data.plot(x='day'); None" } },
        { tool: 'exec', input: { command: 'wc -l data.csv' } },
        { tool: 'readFile', input: { path: 'missing' } },
        { tool: 'readFile', input: { file: 'data.csv' } },
        { tool: 'readFile', input: { path: 'data.csv' } },
        'done',
      ])
      const stopWhen = isStepCount(12)
      const { text } = await generateText({
        model,
        tools: tools(sandbox()),
        stopWhen,
        prompt: 'Plot data.csv',
      })
      expect(text).toBe('done')
      const [, , wrong, right, value, image, lines, missing, invalid, csv] = toldTo(model)
      expect(wrong).toContain("KeyError: 'sale'")
      expect(right).toContain('total 7')
      expect(value).toContain(JSON.stringify(JSON.stringify({ value: '4' })).slice(4, -3))
      expect(image).toMatch(/"mediaType":"image\/png"/)
      expect(lines).toContain('3 data.csv')
      expect(missing).toContain('ENOENT')
      expect(invalid).toContain('expected an object with texts: path')
      expect(csv).toContain(JSON.stringify(CSV))
      expectPlot(await sandbox().readFile('plot.png'))
    })

    it('end their program when the call of the agent is aborted', async () => {
      const stop = new AbortController()
      const box = sandbox()
      const model = scripted([
        { tool: 'runCode', input: { code: "open('begun', 'w')\nwhile True: pass" } },
      ])
      const asked = generateText({
        model,
        tools: tools(box, { timeoutMs: 600_000 }),
        abortSignal: stop.signal,
        prompt: 'Go on',
      })
      await expect.poll(() => box.exists('begun'), { timeout: 20_000 }).toBe(true)
      stop.abort()
      await asked.catch(() => {})
      await expect.poll(() => box.isBusy, { timeout: 20_000 }).toBe(false)
      const { runCode } = tools(box)
      expect(await runCode.execute({ code: "data['sales'].sum()" }, {})).toMatchObject({
        value: '7',
      })
    })
  })
})
