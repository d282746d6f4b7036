import { describe, expect, it } from 'vitest'
import { run, sh } from '../helpers/agent-folder.js'
import { agentOfTest, childrenOf, descriptorsOf, places } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

// Of Python's agent alone: the other one spawns its programs.
const here = places.filter(({ language }) => language === 'python')
const inProcess = here.filter(({ where }) => where === 'process')
const inContainers = here.filter(({ where }) => where !== 'process')
const underRunc = here.filter(({ where }) => where === 'runc')

const SLEEP = 'import time; time.sleep(300)'

describe.each(here)('runs that come before there are processes for them, $where', (place) => {
  it('lose nothing of what comes with them', async () => {
    const agent = await agentOfTest(place)
    const code = 'import sys; print(sys.argv[1], sys.stdin.read())'
    const texts = Array.from({ length: 8 }, (_, at) => `text ${at}`)
    const calls = agent.together(() =>
      texts.map((text, at) => {
        const call = agent.open(run(code, { args: [`${at}`] }))
        void call.writeStdin(text)
        call.end()
        return call
      }),
    )
    const answers = await Promise.all(calls.map((call) => call.answer()))
    const said = answers.map(({ stdout, done }) => [stdout.toString(), done.exitCode])
    expect(said).toEqual(texts.map((text, at) => [`${at} ${text}\n`, 0]))
  })

  it('are ended by a signal alike, alone', async () => {
    const agent = await agentOfTest(place)
    const calls = agent.together(() => {
      const calls = Array.from({ length: 5 }, () => agent.open(run(SLEEP)))
      calls.at(3)?.signal('SIGKILL')
      return calls
    })
    expect((await calls[3]?.answer())?.done).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
    await agent.ask(run('1'))
    expect(calls.map((call) => call.isOver)).toEqual([false, false, false, true, false])
    for (const call of calls) call.signal('SIGKILL')
    await Promise.all(calls.filter((_, at) => at !== 3).map((call) => call.answer()))
  })

  it('can be contexts, whose names are theirs at once', async () => {
    const agent = await agentOfTest(place)
    const { first, second, early } = agent.together(() => ({
      spare: agent.open(run('1')),
      first: agent.open({ op: 'open', context: 'a' }),
      second: agent.open({ op: 'open', context: 'a' }),
      early: agent.open({ op: 'run', code: '1', context: 'a' }),
    }))
    expect((await second.answer()).done.error?.code).toBe('EEXIST')
    expect((await early.answer()).done.error?.code).toBe('EBUSY')
    await first.wait('it is open', () => first.started !== undefined)
    const { stdout } = await agent.ask({ op: 'run', code: 'print(42)', context: 'a' })
    expect(stdout.toString()).toBe('42\n')
  })
})

describe.each(inContainers)('processes of runs, $where', (place) => {
  it('are given to them in the order they came in', async () => {
    const agent = await agentOfTest(place)
    const calls = agent.together(() =>
      Array.from({ length: 8 }, () => agent.open(run('import os; print(os.getpid())'))),
    )
    const answers = await Promise.all(calls.map((call) => call.answer()))
    const pids = answers.map(({ stdout }) => Number(stdout))
    expect(pids).toEqual(pids.toSorted((one, other) => one - other))
  })

  it('have a parent that they can do nothing to', async () => {
    const agent = await agentOfTest(place)
    const code = `
import os
zygote = os.getppid()
files = ['mem', 'fd/2', 'fd/3', 'fd/4', 'fd/5']
for action in (
    lambda: os.kill(zygote, 9),
    lambda: os.kill(zygote, 19),
    *(lambda file=file: os.open('/proc/%d/%s' % (zygote, file), os.O_WRONLY) for file in files),
):
    try:
        print('done:', action())
    except OSError:
        print('refused')
print(zygote)`
    const said = (await agent.ask(run(code))).stdout.toString().trim().split('\n')
    expect(said.slice(0, -1)).toEqual(Array.from({ length: 7 }, () => 'refused'))
    await agent.ask(sh('kill -9 -1'))
    // The spares have gone: a run that gets one before that is noticed goes with it.
    const parent = async () =>
      (await agent.ask(run('import os; print(os.getppid())'))).stdout.toString().trim()
    let found = ''
    await until('a run is served', async () => (found = await parent()) !== '')
    expect(found).toBe(said.at(-1))
  })
})

describe.each(underRunc)('runs for which there is no process', (place) => {
  it('are refused with the cause, and later ones work', async () => {
    const agent = await agentOfTest(place)
    const crowd = agent.open(
      sh('i=0; while [ $i -lt 110 ]; do sleep 300 & i=$((i+1)); done; echo; wait'),
    )
    await crowd.says('\n')
    const calls = agent.together(() => Array.from({ length: 30 }, () => agent.open(run(SLEEP))))
    const refused = () => calls.filter((call) => call.isOver)
    await agent.wait('the last is refused', () => calls.at(-1)?.isOver === true)
    expect(refused().length).toBeGreaterThan(10)
    expect(refused().length).toBeLessThan(30)
    for (const call of refused()) {
      expect((await call.answer()).done).toMatchObject({ exitCode: null, cause: 'pids' })
    }
    for (const call of [crowd, ...calls]) call.signal('SIGKILL')
    await Promise.all([crowd, ...calls].map((call) => call.answer()))
    expect((await agent.ask(run('print(42)'))).stdout.toString()).toBe('42\n')
  })
})

describe.each(inProcess)('descriptors of many runs', (place) => {
  it('come back, here and where they are forked', async () => {
    const agent = await agentOfTest(place)
    const [zygote] = childrenOf(agent)
    const counts = () => [descriptorsOf(agent), descriptorsOf(agent, zygote)]
    for (let count = 0; count < 3; count++) await agent.ask(run('1'))
    const [ours = 0, its = 0] = counts()
    for (let count = 0; count < 200; count++) await agent.ask(run('1'))
    // What is made ready for the next run counts too.
    await until('they come back', () => {
      const [oursNow = 0, itsNow = 0] = counts()
      return oursNow < ours + 20 && itsNow < its + 5
    })
  })

  it('are not those of the agent in a child', async () => {
    const agent = await agentOfTest(place)
    const code = 'import os; print(sorted(map(int, os.listdir("/proc/self/fd")))[:-1])'
    const { stdout } = await agent.ask(run(code))
    expect(stdout.toString()).toBe('[0, 1, 2, 3]\n')
  })

  it('close, and it goes with the agent', async () => {
    const agent = await agentOfTest(place)
    const [zygote = 0] = childrenOf(agent)
    agent.container.stdin.end()
    await agent.container.exited
    await until('it has gone', () => !isAlive(zygote))
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
