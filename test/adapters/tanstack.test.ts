import { chat, EventType } from '@tanstack/ai'
import { codexText } from '@tanstack/ai-codex'
import type { SandboxProvider } from '@tanstack/ai-sandbox'
import {
  createSecrets,
  defineSandbox,
  defineWorkspace,
  fileSkill,
  withSandbox,
} from '@tanstack/ai-sandbox'
import { tanstackProvider } from 'hono-sandbox/adapters'
import { describe, expect, it } from 'vitest'
import { runtimes, usePool } from './places.js'
import { CSV, expectPlot, RIGHT, WRONG } from './task.js'

/** A scripted agent with the protocol of `codex exec`. It runs in the sandbox, as Codex does. */
const AGENT = `
import json, subprocess, sys
def emit(**event):
    print(json.dumps(event), flush=True)
def run(id, command):
    done = subprocess.run(command, shell=True, text=True, capture_output=True)
    emit(type='item.completed', item={'id': id, 'type': 'command_execution', 'command': command,
         'aggregated_output': done.stdout + done.stderr, 'exit_code': done.returncode,
         'status': 'completed'})
prompt = sys.stdin.read()
emit(type='thread.started', thread_id='thread')
run('1', 'python3 wrong.py')
run('2', 'python3 right.py')
emit(type='item.completed', item={'id': '3', 'type': 'agent_message', 'text': 'did: ' + prompt})
emit(type='turn.completed', usage={'input_tokens': 1, 'output_tokens': 1})
`

describe.each(runtimes)('the provider of TanStack under %s', (runtime) => {
  const pool = usePool(runtime)
  const providerOf = (tenant: string): SandboxProvider => {
    const limits = { acquireTimeoutMs: 60_000, timeoutMs: 150_000 }
    return tanstackProvider({ pool: pool(), language: 'python', tenant, ...limits })
  }

  it('does the task of an agent that runs in the sandbox', async () => {
    const created: string[] = []
    const sandbox = defineSandbox({
      id: 'analyst',
      provider: providerOf('ada'),
      workspace: defineWorkspace({
        source: { type: 'none' },
        secrets: createSecrets({ TEAM: 'sales' }),
        skills: [
          fileSkill({ path: 'agent.py', content: AGENT }),
          fileSkill({ path: 'wrong.py', content: WRONG }),
          fileSkill({ path: 'right.py', content: RIGHT }),
        ],
        setup: [`printf '${CSV.replaceAll('\n', '\\n')}' > data.csv`, 'cd /tmp', 'pwd > where'],
      }),
      hooks: { onFileCreate: ({ path }) => void created.push(path) },
    })
    const context = { threadId: `thread-${runtime}`, runId: 'run' }
    const output: string[] = []
    let text = ''
    const chunks = chat({
      ...context,
      adapter: codexText('gpt-5.3-codex', { codexExecutable: 'python3 agent.py' }),
      middleware: [withSandbox(sandbox)],
      messages: [{ role: 'user', content: 'plot the sales' }],
    })
    for await (const chunk of chunks) {
      if (chunk.type === EventType.RUN_ERROR) throw new Error(chunk.message)
      if (chunk.type === EventType.TOOL_CALL_RESULT) output.push(chunk.content)
      if (chunk.type === EventType.TEXT_MESSAGE_CONTENT) text += chunk.delta
    }
    expect(text).toContain('did: plot the sales')
    expect(output).toEqual([
      expect.stringContaining("KeyError: 'sale'"),
      expect.stringContaining('total 7'),
    ])
    // The next run of the thread has the same sandbox.
    const handle = await sandbox.ensure({ ...context, runId: 'next' })
    expectPlot(await handle.fs.readBytes('/workspace/plot.png'))
    expect(await handle.process.exec('[[ $TEAM ]] && echo $TEAM; cat /tmp/where')).toEqual({
      stdout: 'sales\n/tmp\n',
      stderr: '',
      exitCode: 0,
    })
    await sandbox.destroy(context)
    expect(pool().listSessions()).toEqual([])
  }, 180_000)

  it('starts processes with input and output, and ends them', async () => {
    const handle = await providerOf('ada').create({})
    const cat = await handle.process.spawn('[[ 1 ]] && cat; echo end >&2; exit 3')
    await cat.stdin.write('one\n')
    const read = async (chunks: AsyncIterable<string>) => {
      let text = ''
      for await (const chunk of chunks) text += chunk
      return text
    }
    const output = read(cat.stdout)
    expect((await handle.process.exec(`kill -0 ${cat.pid}`)).exitCode).toBe(0)
    await cat.stdin.write('two\n')
    await cat.stdin.end()
    expect([await output, await read(cat.stderr), await cat.wait()]).toEqual([
      'one\ntwo\n',
      'end\n',
      3,
    ])
    expect(pool().listSessions()).toMatchObject([{ requests: 0 }])
    const sleep = await handle.process.spawn('exec sleep 60')
    await sleep.kill(15)
    expect(await sleep.wait()).toBe(128 + 15)

    const reason = new Error('stopped')
    const controller = new AbortController()
    const { signal } = controller
    const running = handle.process.exec('echo > begun; sleep 60', { signal })
    await expect.poll(() => handle.fs.exists('begun'), { timeout: 10_000 }).toBe(true)
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await handle.destroy()
    await expect(handle.fs.read('begun')).rejects.toMatchObject({ code: 'SANDBOX_UNKNOWN_SESSION' })
  })

  it('keeps the sandboxes of two callers apart, and refuses unsupported calls', async () => {
    const [ada, bob] = [providerOf('ada'), providerOf('bob')]
    const handle = await ada.create({ env: { NAME: 'ada' } })
    await handle.fs.write('/workspace/deep/secret', 'of ada')
    expect(await bob.resume({ id: handle.id })).toBeNull()
    await bob.destroy({ id: handle.id })
    // Another object of the same caller, for example one of the next request.
    const again = await providerOf('ada').resume({ id: handle.id })
    expect(await again?.fs.read('deep/secret')).toBe('of ada')
    expect(await again?.process.exec('echo $NAME')).toMatchObject({ stdout: 'ada\n' })

    expect(await handle.fs.list('/workspace')).toEqual([
      { name: 'deep', path: '/workspace/deep', type: 'dir' },
    ])
    await handle.fs.rename('deep', 'other')
    await handle.fs.remove('other')
    await handle.fs.remove('other')
    expect(await handle.fs.exists('other')).toBe(false)

    const unsupported = { name: 'UnsupportedCapabilityError', provider: 'hono-sandbox' }
    await expect(handle.ports.connect(80)).rejects.toMatchObject({
      ...unsupported,
      capability: 'ports',
    })
    const source = { type: 'local', path: '/home' } as const
    await expect(ada.create({ workspace: { source } })).rejects.toMatchObject(unsupported)
    expect([handle.snapshot, handle.fork, ada.restoreSnapshot]).toEqual(Array(3).fill(undefined))
    await expect(handle.git.status()).rejects.toThrow('git exited with code 127')
    await handle.destroy()
  })
})
