import { describe, expect, it } from 'vitest'
import { Kind } from '../../src/agent/protocol.js'
import { run, sh } from '../helpers/agent-folder.js'
import {
  agentOfTest,
  isSlow,
  ownFolderOfTest,
  places,
  useFolders,
} from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

const ENDLESS = { python: 'while True: pass', nodejs: 'for (;;);' }
/** More than may be sent without credit, and no more than a pipe holds besides. */
const MUCH = { python: 'print("x" * 300_000)', nodejs: 'console.log("x".repeat(300_000))' }
/** The processor time of its process when its code begins, in milliseconds. */
const CPU_SO_FAR = {
  python: 'import time; print(time.process_time() * 1000)',
  nodejs: 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)',
}
const killed = { exitCode: null, signal: 'SIGKILL', cause: 'timeout' }

describe.each(places)('a $language agent whose host does nothing, $where', (place) => {
  const folderOfTest = useFolders(place)

  it('ends code and commands past their time, with what descends from them', async () => {
    const folder = await folderOfTest()
    const { agent } = folder
    const calls = agent.together(() => [
      agent.open({ ...run(ENDLESS[place.language]), timeoutMs: 100 }),
      agent.open({ ...sh('setsid sleep 300 & echo $!; wait'), timeoutMs: 100 }),
    ])
    const [code, command] = await Promise.all(calls.map((call) => call.answer()))
    expect(code?.done).toMatchObject(killed)
    expect(command?.done).toMatchObject(killed)
    const child = Number(command?.stdout)
    await until('the child is gone', async () => (await folder.alive(child)).length === 0)
  })

  it('takes the longest time that there is', async () => {
    const { agent } = await folderOfTest()
    const { done } = await agent.ask({ ...sh('sleep 0.1'), timeoutMs: 2 ** 31 - 1 })
    expect(done).toMatchObject({ exitCode: 0 })
  })

  it('leaves what ends in its time alone', async () => {
    const { agent } = await folderOfTest()
    const { done } = await agent.ask({ ...sh('exit 3'), timeoutMs: 60_000 })
    expect(done).toMatchObject({ exitCode: 3 })
    expect(done.cause ?? null).toBeNull()
  })

  it('ends a context whose run is past its time', async () => {
    const agent = await agentOfTest(place)
    const context = agent.open({ op: 'open', context: 'c' })
    await context.wait('it is open', () => context.started !== undefined)
    const { done } = await agent.ask({
      ...run(ENDLESS[place.language]),
      context: 'c',
      timeoutMs: 100,
    })
    expect(done).toMatchObject(killed)
    expect((await context.answer()).done).toMatchObject(killed)
  })

  it('ends a context whose output is not taken in time, and goes on', async () => {
    const folder = await ownFolderOfTest(place)
    const { agent } = folder
    const context = agent.open({ op: 'open', context: 'c' })
    await context.wait('it is open', () => context.started !== undefined)
    const request = { ...run(MUCH[place.language]), context: 'c', timeoutMs: 100 }
    const call = agent.open(request, { givesCredit: false })
    await until('its process is gone', async () => {
      return (await folder.alive(context.started?.pid)).length === 0
    })
    call.grant(1024 * 1024)
    // The code was over, and said so: that counts.
    expect((await call.answer()).done).toMatchObject({ exitCode: 0 })
    expect((await context.answer()).done).toMatchObject(killed)
    expect((await agent.ask(sh('echo well'))).stdout.toString()).toBe('well\n')
  })

  it('refuses a time that is none', async () => {
    const { agent } = await folderOfTest()
    for (const timeoutMs of ['1', -1, {}]) {
      const { done } = await agent.ask({ ...sh('true'), timeoutMs })
      expect([timeoutMs, done.error?.code]).toEqual([timeoutMs, 'EINVAL'])
    }
  })

  // gVisor tells processor time in steps of 10 ms.
  it.skipIf(isSlow(place))('does not count what a process did to become warm', async () => {
    const { agent } = await folderOfTest()
    // If a process had no time to become warm, the code takes longer than that did.
    await until('a run took less than its process took before', async () => {
      const { stdout, done } = await agent.ask(run(CPU_SO_FAR[place.language]))
      return (done.usage?.cpuMs ?? Infinity) < Number(stdout)
    })
  })
})

describe.each(places.filter(({ language }) => language === 'nodejs'))(
  'the last word of a program of a $language agent, $where',
  (place) => {
    it.each(['Infinity', '1e999', '-1', '9e9', 'x', ''])('is no time: %j', async (word) => {
      const agent = await agentOfTest(place)
      const { done } = await agent.ask(run(`require('fs').writeSync(4, ${JSON.stringify(word)})`))
      expect(done.usage?.cpuMs).toBeLessThan(5000)
    })
  },
)

describe.each(places.filter(({ language }) => language === 'nodejs'))(
  'the pipes of a $language agent, $where',
  (place) => {
    it('cannot be replaced by a program, and are written to by name', async () => {
      const agent = await agentOfTest(place)
      // Whatever it finds under /tmp becomes a file, for as long as programs are started.
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
