import { describe, expect, it } from 'vitest'
import { CodeRunner } from '../helpers/code-runner.js'
import { containersOf, ownerOf, runtimes } from '../helpers/engine.js'
import { eventsIn } from '../helpers/events.js'
import { until, within } from '../helpers/until.js'

const NDJSON = { accept: 'application/x-ndjson' }
const LONG = 'import time\nprint("a", flush=True)\ntime.sleep(600)'
const SHORT = 'import time\nprint("a", flush=True)\ntime.sleep(1)\nprint("b")'
const python = (code: string) => ({ language: 'python', code, timeoutMs: 60_000 })

/** A program in each of the three ways, all of them running. */
async function runThree(runner: CodeRunner, code: string, spoken = code) {
  const plain = runner.run(python(code))
  const streamed = runner
    .stream(python(code), NDJSON)
    .then((answer) => answer.text())
    .then(eventsIn)
  const talk = runner.talk()
  await talk.send(python(spoken))
  await talk.until('a')
  await until('all run', async () => (await runner.leased()) === 3)
  return { plain, streamed, talk }
}

/** A server with three containers to lend, whose owner is known. */
async function start(runtime: string) {
  const runner = await CodeRunner.ofTest({ SANDBOX_RUNTIME: runtime })
  const { container } = await runner.run(python(''))
  return { runner, left: () => containersOf(ownerOf(container.name)) }
}

describe('the code runner, told to end,', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s: what is short comes to its end, nothing new begins, nothing is left',
    async (signal) => {
      const { runner, left } = await start('runc')
      const idle = runner.talk()
      const three = await runThree(runner, SHORT, 'print("a")\ninput()\nprint("b")')
      await idle.send()
      const ended = runner.process.end(signal)
      await until('it drains', () => runner.process.lines.includes(`${signal}: draining`))
      await expect(runner.post(python('print(1)'))).rejects.toThrow()
      await idle.send(python('print(1)'))
      const closed = { type: 'error', error: { code: 'SANDBOX_CLOSED' } }
      expect(await idle.end()).toMatchObject([closed, 1011])
      await three.talk.send({ type: 'stdin', data: '\n' })
      expect(await three.talk.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(await three.plain).toMatchObject({ stdout: 'a\nb\n', exitCode: 0, filesOmitted: 0 })
      expect((await three.streamed).at(-1)).toMatchObject({ type: 'exit', exitCode: 0 })
      expect(await ended).toBe(0)
      expect(await left()).toEqual([])
    },
  )

  // Side by side: each takes as long as the server waits for its clients.
  it('kills what is long and tells its clients; one that says nothing is closed before', async () => {
    await within('each has drained', Promise.all(runtimes.map(drainLong)))
  })

  async function drainLong(runtime: string): Promise<void> {
    const { runner, left } = await start(runtime)
    const silent = runner.talk()
    await silent.send()
    const { plain, streamed, talk } = await runThree(runner, LONG)
    const ended = runner.process.end('SIGTERM')
    // It has ten seconds as well, and they began before.
    const error = { code: 'BAD_REQUEST', message: 'the first message did not arrive in time' }
    expect(await silent.end()).toEqual([{ type: 'error', error }, 1008])
    expect(talk.events).not.toContainEqual(expect.objectContaining({ type: 'exit' }))
    const killed = { exitCode: null, signal: 'SIGKILL', killedBy: 'shutdown' }
    expect(await plain).toMatchObject({ ...killed, stdout: 'a\n', files: [], filesOmitted: null })
    expect((await streamed).at(-1)).toMatchObject({ type: 'exit', ...killed })
    expect(await talk.end()).toMatchObject([{ type: 'exit', ...killed }, 1000])
    expect(await ended).toBe(0)
    expect(await left()).toEqual([])
  }

  it('a second time ends at once', async () => {
    const { runner, left } = await start('runc')
    const talk = runner.talk()
    await talk.send(python(LONG))
    await talk.until('a')
    const { child } = runner.process
    await until('it has ended', () => {
      child.kill('SIGTERM')
      return child.exitCode !== null
    })
    expect(child.exitCode).toBe(1)
    expect((await talk.end())[1]).toBe(1006)
    await until('its containers have gone', async () => (await left()).length === 0)
  })
})
