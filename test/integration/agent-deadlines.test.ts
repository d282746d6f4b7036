import { describe, expect, it } from 'vitest'
import { Kind } from '../../src/agent/protocol.js'
import { run, sh } from '../helpers/agent-folder.js'
import { agentOfTest, isSlow, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

/** They wait, because the agent gives the host two seconds more than the time limit. */
const ENDLESS = {
  python: 'import time; time.sleep(300)',
  nodejs: 'await new Promise((resolve) => setTimeout(resolve, 300_000))',
}
/** More output than the first window, and at most one pipe more. */
const MUCH = { python: 'print("x" * 300_000)', nodejs: 'console.log("x".repeat(300_000))' }
/** Prints the CPU time of the process before the code begins, in milliseconds. */
const CPU_SO_FAR = {
  python: 'import time; print(time.process_time() * 1000)',
  nodejs: 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)',
}
const killed = { exitCode: null, signal: 'SIGKILL', cause: 'timeout' }

describe.each(places)('the time limits of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)

  it('the agent kills code and commands after their time limit, with their descendants', async () => {
    const folder = await folderOfTest()
    const { agent } = folder
    const requests = agent.inOneWrite(() => [
      agent.open({ ...run(ENDLESS[place.language]), timeoutMs: 100 }),
      agent.open({ ...sh('setsid sleep 300 & echo $!; wait'), timeoutMs: 100 }),
    ])
    const [code, command] = await Promise.all(requests.map((request) => request.answer()))
    expect(code?.done).toMatchObject(killed)
    expect(command?.done).toMatchObject(killed)
    const child = Number(command?.stdout)
    await until('the child has ended', async () => (await folder.alive(child)).length === 0)
  })

  it('the agent accepts the longest time limit', async () => {
    const { agent } = await folderOfTest()
    const { done } = await agent.ask({ ...sh('sleep 0.1'), timeoutMs: 2 ** 31 - 1 })
    expect(done).toMatchObject({ exitCode: 0 })
  })

  it('the agent does not kill a command that ends in time', async () => {
    const { agent } = await folderOfTest()
    const { done } = await agent.ask({ ...sh('exit 3'), timeoutMs: 60_000 })
    expect(done).toMatchObject({ exitCode: 3 })
    expect(done.cause ?? null).toBeNull()
  })

  it('the agent kills a context if its run exceeds the time limit', async () => {
    const { agent } = await folderOfTest()
    const context = agent.open({ op: 'open', context: 'endless' })
    await context.wait('the context is open', () => context.started !== undefined)
    const { done } = await agent.ask({
      ...run(ENDLESS[place.language]),
      context: 'endless',
      timeoutMs: 100,
    })
    expect(done).toMatchObject(killed)
    expect((await context.answer()).done).toMatchObject(killed)
  })

  it('the agent kills a context if its output is not read in time, and serves later requests', async () => {
    const folder = await folderOfTest()
    const { agent } = folder
    const context = agent.open({ op: 'open', context: 'unread' })
    await context.wait('the context is open', () => context.started !== undefined)
    const body = { ...run(MUCH[place.language]), context: 'unread', timeoutMs: 100 }
    const request = agent.open(body, { grantsCredit: false })
    await until('the process of the context has ended', async () => {
      return (await folder.alive(context.started?.pid)).length === 0
    })
    request.grant(1024 * 1024)
    // The code had ended before the kill, so its own exit code counts.
    expect((await request.answer()).done).toMatchObject({ exitCode: 0 })
    expect((await context.answer()).done).toMatchObject(killed)
    expect((await agent.ask(sh('echo well'))).stdout.toString()).toBe('well\n')
  })

  it('the agent refuses an invalid time limit', async () => {
    const { agent } = await folderOfTest()
    for (const timeoutMs of ['1', -1, {}]) {
      const { done } = await agent.ask({ ...sh('true'), timeoutMs })
      expect([timeoutMs, done.error?.code]).toEqual([timeoutMs, 'EINVAL'])
    }
  })

  // gVisor measures CPU time in steps of 10 ms.
  it.skipIf(isSlow(place))(
    'the reported CPU time does not include the warm-up of the process',
    async () => {
      const { agent } = await folderOfTest()
      // If a process had no time to warm up, its code uses more CPU time than its start.
      await until('a run uses less CPU time than the start of its process', async () => {
        const { stdout, done } = await agent.ask(run(CPU_SO_FAR[place.language]))
        return (done.usage?.cpuMs ?? Infinity) < Number(stdout)
      })
    },
  )
})

describe.each(places.filter(({ language }) => language === 'nodejs'))(
  'the CPU time that a program of the $language agent reports, $where',
  (place) => {
    const folderOfTest = useFolders(place)

    it.each(['Infinity', '1e999', '-1', '9e9', 'x', ''])(
      'the agent ignores an invalid CPU time: %j',
      async (text) => {
        const { agent } = await folderOfTest()
        const { done } = await agent.ask(run(`require('fs').writeSync(4, ${JSON.stringify(text)})`))
        expect(done.usage?.cpuMs).toBeLessThan(5000)
      },
    )
  },
)

describe.each(places.filter(({ language }) => language === 'nodejs'))(
  'the pipes of the $language agent, $where',
  (place) => {
    it('a program can open its pipes by name and cannot replace those of another one', async () => {
      const agent = await agentOfTest(place)
      // Replaces each pipe in /tmp by a file while other programs start.
      const spoil = `for i in $(seq 300); do for f in /tmp/.hono-sandbox-*; do
        if [ -d "$f" ]; then for p in "$f"/*; do rm -f "$p" && echo x > "$p"; done
        else rm -f "$f" && echo x > "$f"; fi; done 2>/dev/null; done; echo spoiled`
      const spoiling = agent.open(sh(spoil))
      for (let count = 0; count < 24; count++) {
        const { stdout, done } = await agent.ask(sh('echo hi > /dev/stdout'))
        expect([stdout.toString(), done.exitCode]).toEqual(['hi\n', 0])
      }
      agent.send(Kind.signal, spoiling.id, Buffer.from('SIGKILL'))
      await spoiling.answer()
      agent.check()
    })
  },
)
