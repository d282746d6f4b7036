import { describe, expect, it } from 'vitest'
import { run, sh } from '../helpers/agent-folder.js'
import { agentOfTest, childrenOf, descriptorsOf, places } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

// Only the Python agent forks its programs; the Node agent spawns them.
const here = places.filter(({ language }) => language === 'python')
const inProcess = here.filter(({ where }) => where === 'process')
const inContainers = here.filter(({ where }) => where !== 'process')
const underRunc = here.filter(({ where }) => where === 'runc')

const SLEEP = 'import time; time.sleep(300)'

describe.each(here)('runs without a waiting spare, $where', (place) => {
  it('runs that wait for a process keep their arguments and stdin', async () => {
    const agent = await agentOfTest(place)
    const code = 'import sys; print(sys.argv[1], sys.stdin.read())'
    const texts = Array.from({ length: 8 }, (_, at) => `text ${at}`)
    const requests = agent.inOneWrite(() =>
      texts.map((text, at) => {
        const request = agent.open(run(code, { args: [`${at}`] }))
        void request.writeStdin(text)
        request.end()
        return request
      }),
    )
    const answers = await Promise.all(requests.map((request) => request.answer()))
    const outputs = answers.map(({ stdout, done }) => [stdout.toString(), done.exitCode])
    expect(outputs).toEqual(texts.map((text, at) => [`${at} ${text}\n`, 0]))
  })

  it('a signal ends only its own run', async () => {
    const agent = await agentOfTest(place)
    const requests = agent.inOneWrite(() => {
      const requests = Array.from({ length: 5 }, () => agent.open(run(SLEEP)))
      requests.at(3)?.signal('SIGKILL')
      return requests
    })
    expect((await requests[3]?.answer())?.done).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
    await agent.ask(run('1'))
    expect(requests.map((request) => request.isOver)).toEqual([false, false, false, true, false])
    for (const request of requests) request.signal('SIGKILL')
    await Promise.all(requests.filter((_, at) => at !== 3).map((request) => request.answer()))
  })

  it('a context that waits for a process already has its name', async () => {
    const agent = await agentOfTest(place)
    const { first, second, early } = agent.inOneWrite(() => ({
      spare: agent.open(run('1')),
      first: agent.open({ op: 'open', context: 'a' }),
      second: agent.open({ op: 'open', context: 'a' }),
      early: agent.open({ op: 'run', code: '1', context: 'a' }),
    }))
    expect((await second.answer()).done.error?.code).toBe('EEXIST')
    expect((await early.answer()).done.error?.code).toBe('EBUSY')
    await first.wait('the context is open', () => first.started !== undefined)
    const { stdout } = await agent.ask({ op: 'run', code: 'print(42)', context: 'a' })
    expect(stdout.toString()).toBe('42\n')
  })
})

describe.each(inContainers)('the processes of runs, $where', (place) => {
  it('runs get their processes in first-in, first-out order', async () => {
    const agent = await agentOfTest(place)
    const requests = agent.inOneWrite(() =>
      Array.from({ length: 8 }, () => agent.open(run('import os; print(os.getpid())'))),
    )
    const answers = await Promise.all(requests.map((request) => request.answer()))
    const pids = answers.map(({ stdout }) => Number(stdout))
    expect(pids).toEqual(pids.toSorted((one, other) => one - other))
  })

  it('a program cannot signal its zygote or write to it', async () => {
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
    const lines = (await agent.ask(run(code))).stdout.toString().trim().split('\n')
    expect(lines.slice(0, -1)).toEqual(Array.from({ length: 7 }, () => 'refused'))
    await agent.ask(sh('kill -9 -1'))
    // The spares are dead. A run that gets a spare before the agent notices its death fails too.
    const parent = async () =>
      (await agent.ask(run('import os; print(os.getppid())'))).stdout.toString().trim()
    let found = ''
    await until('a run succeeds', async () => (found = await parent()) !== '')
    expect(found).toBe(lines.at(-1))
  })
})

describe.each(underRunc)('runs beyond the process limit', (place) => {
  it('runs beyond the process limit fail with the cause pids, and later runs succeed', async () => {
    const agent = await agentOfTest(place)
    const crowd = agent.open(
      sh('i=0; while [ $i -lt 110 ]; do sleep 300 & i=$((i+1)); done; echo; wait'),
    )
    await crowd.waitForText('\n')
    const requests = agent.inOneWrite(() =>
      Array.from({ length: 30 }, () => agent.open(run(SLEEP))),
    )
    const refused = () => requests.filter((request) => request.isOver)
    await agent.wait('the last run is refused', () => requests.at(-1)?.isOver === true)
    expect(refused().length).toBeGreaterThan(10)
    expect(refused().length).toBeLessThan(30)
    for (const request of refused()) {
      expect((await request.answer()).done).toMatchObject({ exitCode: null, cause: 'pids' })
    }
    for (const request of [crowd, ...requests]) request.signal('SIGKILL')
    await Promise.all([crowd, ...requests].map((request) => request.answer()))
    expect((await agent.ask(run('print(42)'))).stdout.toString()).toBe('42\n')
  })
})

describe.each(inProcess)('the descriptors of the Python agent', (place) => {
  it('the agent and its zygote close the descriptors of ended runs', async () => {
    const agent = await agentOfTest(place)
    const [zygote] = childrenOf(agent)
    const counts = () => [descriptorsOf(agent), descriptorsOf(agent, zygote)]
    for (let count = 0; count < 3; count++) await agent.ask(run('1'))
    const [ofAgent = 0, ofZygote = 0] = counts()
    for (let count = 0; count < 200; count++) await agent.ask(run('1'))
    // The descriptors of the next spares count too.
    await until('the descriptors are closed', () => {
      const [ofAgentNow = 0, ofZygoteNow = 0] = counts()
      return ofAgentNow < ofAgent + 20 && ofZygoteNow < ofZygote + 5
    })
  })

  it('a program inherits no descriptor of the agent', async () => {
    const agent = await agentOfTest(place)
    const code = 'import os; print(sorted(map(int, os.listdir("/proc/self/fd")))[:-1])'
    const { stdout } = await agent.ask(run(code))
    expect(stdout.toString()).toBe('[0, 1, 2, 3]\n')
  })

  it('the zygote exits when the agent exits', async () => {
    const agent = await agentOfTest(place)
    const [zygote = 0] = childrenOf(agent)
    agent.container.stdin.end()
    await agent.container.exited
    await until('the zygote has exited', () => !isAlive(zygote))
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
