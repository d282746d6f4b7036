import { describe, expect, it } from 'vitest'
import { CodeRunner } from '../helpers/code-runner.js'
import { containersOf, ownerOf, runtimes } from '../helpers/engine.js'
import { eventsIn } from '../helpers/events.js'
import { until, within } from '../helpers/until.js'

const NDJSON = { accept: 'application/x-ndjson' }
const LONG = 'import time\nprint("a", flush=True)\ntime.sleep(600)'
const SHORT = 'import time\nprint("a", flush=True)\ntime.sleep(3)\nprint("b")'
const CLOSED = { type: 'error', error: { code: 'SANDBOX_CLOSED' } }
const python = (code: string) => ({ language: 'python', code, timeoutMs: 60_000 })

/**
 * Starts a program by each of the three paths, and waits until all run. The interactive program
 * comes first, because the others end by themselves.
 */
async function runThree(runner: CodeRunner, code: string, interactiveCode = code) {
  const client = runner.connect()
  await client.send(python(interactiveCode))
  await client.until('a')
  const plain = runner.run(python(code))
  const streamed = runner
    .stream(python(code), NDJSON)
    .then((answer) => answer.text())
    .then(eventsIn)
  await until('all three programs run', async () => (await runner.leased()) === 3)
  return { plain, streamed, client }
}

/** Starts a server with a container for each of three programs. `left` returns those that it still has. */
async function start(runtime: string) {
  const runner = await CodeRunner.ofTest({ SANDBOX_RUNTIME: runtime, SANDBOX_POOL_SIZE: '3' })
  const { container } = await runner.run(python(''))
  await until('all containers are idle', async () => (await runner.languages()).python?.idle === 3)
  return { runner, left: () => containersOf(ownerOf(container.name)) }
}

describe('a code runner that shuts down', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'after %s, short programs finish, new ones are refused and no container is left',
    async (signal) => {
      const { runner, left } = await start('runc')
      const idle = runner.connect()
      const three = await runThree(runner, SHORT, 'print("a")\ninput()\nprint("b")')
      await idle.send()
      const ended = runner.process.end(signal)
      await until('the server drains', () => runner.process.lines.includes(`${signal}: draining`))
      await expect(runner.post(python('print(1)'))).rejects.toThrow()
      expect(await idle.end()).toMatchObject([CLOSED, 1012])
      await three.client.send({ type: 'stdin', data: '\n' })
      expect(await three.client.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(await three.plain).toMatchObject({ stdout: 'a\nb\n', exitCode: 0, filesOmitted: 0 })
      expect((await three.streamed).at(-1)).toMatchObject({ type: 'exit', exitCode: 0 })
      expect(await ended).toBe(0)
      expect(await left()).toEqual([])
    },
  )

  // Both at once, because each takes as long as the drain.
  it('the drain kills long programs, tells their clients, and closes silent connections', async () => {
    await within('all servers have drained', Promise.all(runtimes.map(drainLong)))
  })

  async function drainLong(runtime: string): Promise<void> {
    const { runner, left } = await start(runtime)
    const silent = runner.connect()
    await silent.send()
    const { plain, streamed, client } = await runThree(runner, LONG)
    const ended = runner.process.end('SIGTERM')
    // Without a program, a conversation ends when the drain begins.
    expect(await silent.end()).toMatchObject([CLOSED, 1012])
    expect(client.events).not.toContainEqual(expect.objectContaining({ type: 'exit' }))
    const killed = { exitCode: null, signal: 'SIGKILL', killedBy: 'shutdown' }
    expect(await plain).toMatchObject({ ...killed, stdout: 'a\n', files: [], filesOmitted: null })
    expect((await streamed).at(-1)).toMatchObject({ type: 'exit', ...killed })
    expect(await client.end()).toMatchObject([{ type: 'exit', ...killed }, 1001])
    expect(await ended).toBe(0)
    // The server waits for the last removals only until its deadline.
    await until('its containers are removed', async () => (await left()).length === 0)
  }

  it('a second signal ends the server at once', async () => {
    const { runner, left } = await start('runc')
    const client = runner.connect()
    await client.send(python(LONG))
    await client.until('a')
    const { child } = runner.process
    await until('the server has exited', () => {
      child.kill('SIGTERM')
      return child.exitCode !== null
    })
    expect(child.exitCode).toBe(1)
    expect((await client.end())[1]).toBe(1006)
    await until('its containers are removed', async () => (await left()).length === 0)
  })
})
