import type { AgentInputItem } from '@openai/agents'
import { Agent, applyDiff, run, shellTool } from '@openai/agents'
import * as sandboxes from '@openai/agents/sandbox'
import { assistantMessage, functionCall, ScriptedModel } from '@openai/agents/testing'
import { openaiClient, openaiSession, openaiShell } from 'hono-sandbox/adapters'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runtimes, usePool } from './places.js'
import { commandOf, CSV, expectPlot, RIGHT, WRONG } from './task.js'

const sdk = { ...sandboxes, applyDiff }

/** Returns the results of the calls in the last request to the model, as JSON. */
function toldTo(model: ScriptedModel): string[] {
  const { input = [] } = model.lastCall?.request ?? {}
  const items: readonly AgentInputItem[] = typeof input === 'string' ? [] : input
  return items
    .filter(({ type }) => /_(?:result|output)$/.test(type ?? ''))
    .map((item) => JSON.stringify(item))
}

const call = (name: string, args: Record<string, unknown>, callId: string) => [
  functionCall(name, args, { callId }),
]

describe.each(runtimes)('an agent under %s', (runtime) => {
  const pool = usePool(runtime)
  const client = (options = {}) =>
    openaiClient(() => pool().acquire('python', { timeoutMs: 60_000 }), sdk, options)
  const isFree = () => expect.poll(() => pool().stats().python?.leased, { timeout: 20_000 }).toBe(0)

  it('does its task with a client, and ends the lease', async () => {
    const patch = `*** Begin Patch\n*** Update File: plot.py\n@@\n-print(pd.read_csv('data.csv')['sale'].sum())\n${RIGHT.split(
      '\n',
    )
      .slice(1, -1)
      .map((line) => `+${line}`)
      .join('\n')}\n*** End Patch`
    const [, ...patched] = patch.split('\n').slice(1, -1)
    const model = new ScriptedModel([
      call('exec_command', { cmd: 'cat data.csv; echo $GREETING' }, '1'),
      call('exec_command', { cmd: 'python3 plot.py' }, '2'),
      [
        {
          type: 'apply_patch_call',
          callId: '3',
          status: 'completed',
          operation: { type: 'update_file', path: 'plot.py', diff: patched.join('\n') },
        },
      ],
      call('exec_command', { cmd: 'python3 plot.py' }, '4'),
      call('view_image', { path: 'plot.png' }, '5'),
      call('view_image', { path: 'missing.png' }, '6'),
      [assistantMessage('The total is 7.')],
    ])
    const agent = new sandboxes.SandboxAgent({
      name: 'analyst',
      model,
      defaultManifest: {
        entries: {
          'data.csv': sandboxes.file({ content: CSV }),
          'plot.py': sandboxes.file({ content: WRONG }),
        },
        environment: { GREETING: 'hello' },
      },
    })
    const { finalOutput } = await run(agent, 'Plot data.csv', { sandbox: { client: client() } })
    expect(finalOutput).toBe('The total is 7.')
    const [data, wrong, edit, right, image, missing] = toldTo(model)
    expect(data).toContain('mon,3\\ntue,4\\nhello')
    expect(wrong).toMatch(/Process exited with code 1\\nOutput:.*KeyError: 'sale'/)
    expect(edit).toContain('"status":"completed"')
    expect(right).toContain('total 7')
    expect(image).toContain('image/png')
    expect(missing).toContain('`missing.png` was not found')
    await isFree()
  })

  it('returns a file from a session whose lease continues after the run', async () => {
    const sandbox = await pool().acquire('python', { timeoutMs: 60_000 })
    onTestFinished(() => void sandbox.release())
    const session = openaiSession(sandbox, sdk)
    const model = new ScriptedModel([
      call('exec_command', { cmd: commandOf(RIGHT) }, '1'),
      [assistantMessage('done')],
    ])
    const defaultManifest = {
      entries: {
        folder: sandboxes.dir({ children: { 'data.csv': sandboxes.file({ content: CSV }) } }),
      },
    }
    const agent = new sandboxes.SandboxAgent({ name: 'analyst', model, defaultManifest })
    await run(agent, 'Plot data.csv', { sandbox: { session, cwd: 'folder' } })
    expect(await session.listDir({ path: 'folder' })).toContainEqual({
      name: 'plot.png',
      path: 'folder/plot.png',
      type: 'file',
    })
    expectPlot(await session.readFile({ path: 'folder/plot.png' }))
    const archive = await session.persistWorkspace()
    await sandbox.deleteFile('folder', { recursive: true })
    await session.hydrateWorkspace(archive)
    expect(await session.pathExists('folder/plot.png')).toBe(true)
    sandbox.release()
    expect(await session.running()).toBe(false)
  })

  it('that is aborted ends its lease and the program in it', async () => {
    const stop = new AbortController()
    const model = new ScriptedModel([call('exec_command', { cmd: 'exec sleep 60' }, '1')])
    const agent = new sandboxes.SandboxAgent({ name: 'sleeper', model })
    const { signal } = stop
    const running = run(agent, 'Sleep', {
      sandbox: { client: client({ signal, timeoutMs: 600_000 }) },
      signal,
    })
    const outcome = Promise.allSettled([running])
    await expect.poll(() => pool().stats().python?.leased, { timeout: 20_000 }).toBe(1)
    await expect.poll(() => model.calls.length, { timeout: 20_000 }).toBe(1)
    stop.abort()
    expect(await outcome).toMatchObject([{ status: 'rejected' }])
    await isFree()
  })

  it('gets the error of the SDK for unsupported features', async () => {
    const { SandboxUnsupportedFeatureError, Manifest } = sandboxes
    const create = (init: ConstructorParameters<typeof Manifest>[0]) =>
      client().create({ manifest: new Manifest(init) })
    const repo = sandboxes.gitRepo({ repo: 'a/b' })
    await expect(create({ entries: { repo } })).rejects.toThrow(SandboxUnsupportedFeatureError)
    await expect(create({ root: '/srv' })).rejects.toThrow(SandboxUnsupportedFeatureError)
    await expect(create({ users: ['ada'] })).rejects.toThrow(SandboxUnsupportedFeatureError)
    const local = client().create({ snapshot: { type: 'local' } })
    await expect(local).rejects.toThrow(SandboxUnsupportedFeatureError)
    await isFree()
    const session = await client().create()
    const port = session.resolveExposedPort(80)
    await expect(port).rejects.toThrow(SandboxUnsupportedFeatureError)
    const asRoot = session.exec({ cmd: 'true', runAs: 'root' })
    await expect(asRoot).rejects.toThrow(SandboxUnsupportedFeatureError)
    const terminal = session.exec({ cmd: 'top', tty: true })
    await expect(terminal).rejects.toThrow(SandboxUnsupportedFeatureError)
    await session.close()
    await isFree()
  })

  it('with shellTool() does its task in a shell', async () => {
    const sandbox = await pool().acquire('python', { timeoutMs: 60_000 })
    onTestFinished(() => void sandbox.release())
    await sandbox.writeFile('data.csv', CSV)
    const action = (commands: string[], more = {}) => [
      { type: 'shell_call' as const, callId: commands[0] ?? '', action: { commands, ...more } },
    ]
    const model = new ScriptedModel([
      action([commandOf(WRONG), commandOf(RIGHT)]),
      action(['exec sleep 60', 'echo never'], { timeoutMs: 300 }),
      action(['seq 1000'], { maxOutputLength: 20 }),
      [assistantMessage('The total is 7.')],
    ])
    const tools = [shellTool({ shell: openaiShell(sandbox) })]
    const { finalOutput } = await run(new Agent({ name: 'analyst', model, tools }), 'Plot data.csv')
    expect(finalOutput).toBe('The total is 7.')
    const [task, late, long] = toldTo(model)
    expect(task).toMatch(/KeyError: 'sale'.*"exitCode":1.*total 7.*"exitCode":0/)
    expect(late).toContain('"outcome":{"type":"timeout"}')
    expect(late).not.toContain('never')
    expect(long).toContain('characters were left out')
    expectPlot(await sandbox.readFile('plot.png'))
  })
})
