import { describe, expect, it, onTestFinished } from 'vitest'
import { Kind, PROTOCOL_VERSION } from '../../../src/agent/protocol.js'
import type { LaunchSpec } from '../../../src/engine/engine.js'
import {
  closeSandboxes,
  defineLanguage,
  getSandboxes,
  initSandboxes,
  SandboxPool,
} from '../../../src/index.js'
import type { SandboxPoolOptions } from '../../../src/index.js'
import { fakeEngine } from '../../helpers/fake-engine.js'
import { FakeAgent, flushStreams } from '../fakes/fake-agent.js'

const bash = defineLanguage({
  name: 'bash',
  image: 'mine/bash:1',
  agent: 'python',
  file: 'main.sh',
  run: ['bash', 'main.sh'],
  env: { PATH: '/opt/bin' },
  size: 1,
})
const HELLO = { version: PROTOCOL_VERSION, language: 'python' }
const NO_PANDAS = {
  ...HELLO,
  failed: { preload: 'pandsa', message: "ModuleNotFoundError: No module named 'pandsa'" },
}

/** Creates an engine that launches fake agents. `script` prepares each agent. */
function engineOf(script: (agent: FakeAgent, spec: LaunchSpec, index: number) => void) {
  const agents: FakeAgent[] = []
  const specs: LaunchSpec[] = []
  const engine = fakeEngine({
    launch: (spec) => {
      const agent = new FakeAgent()
      script(agent, spec, agents.length)
      agents.push(agent)
      specs.push(spec)
      return Promise.resolve(agent)
    },
  })
  return { engine, agents, specs }
}

/** Returns a script: the agent sends `hello`, and each program ends with the exit code. */
function answering(exitCode: number) {
  return (agent: FakeAgent) => {
    agent.sendJson(Kind.hello, 0, HELLO)
    agent.onFrame = ({ kind, id }) => {
      if (kind === Kind.request) agent.done(id, { exitCode })
    }
  }
}

function poolOf(options: SandboxPoolOptions): SandboxPool {
  const pool = new SandboxPool(options)
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

describe('a preload that fails', () => {
  it('rejects start(), and removes the containers of all languages', async () => {
    const { engine, agents } = engineOf((agent, spec) => {
      const isPython = spec.language === 'python'
      agent.sendJson(Kind.hello, 0, isPython ? NO_PANDAS : HELLO)
    })
    const languages = { python: { size: 1, preload: ['pandsa'] }, nodejs: { size: 1 } }
    const pool = poolOf({ engine, languages })
    await expect(pool.start()).rejects.toMatchObject({
      code: 'SANDBOX_PRELOAD_FAILED',
      message: expect.stringMatching(/"pandsa".*ModuleNotFoundError/),
    })
    expect(agents.map(({ isRemoved }) => isRemoved)).toEqual([true, true])
    await expect(pool.acquire('nodejs')).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
  })

  it('is in the report if another container is ready', async () => {
    const { engine } = engineOf((agent, _, index) => {
      agent.sendJson(Kind.hello, 0, index === 0 ? HELLO : NO_PANDAS)
    })
    const report = await poolOf({ engine, languages: { python: { size: 2 } } }).start()
    expect(report.python).toMatchObject({ ready: 1, errors: [{ code: 'SANDBOX_PRELOAD_FAILED' }] })
  })

  it('leaves no default pool', async () => {
    const { engine } = engineOf((agent) => agent.sendJson(Kind.hello, 0, NO_PANDAS))
    onTestFinished(() => closeSandboxes())
    const init = initSandboxes({ engine, languages: { python: { size: 1 } } })
    await expect(init).rejects.toMatchObject({ code: 'SANDBOX_PRELOAD_FAILED' })
    expect(getSandboxes).toThrow('has no sandbox pool')
  })
})

describe('an agent that cannot run its language', () => {
  it('rejects start() with the reason', async () => {
    const message = 'Node v18.19.0 cannot strip types, 22.13 or newer can'
    const { engine, specs } = engineOf((agent) => {
      agent.sendJson(Kind.hello, 0, { ...HELLO, language: 'nodejs', failed: { message } })
    })
    const starting = poolOf({ engine, languages: { typescript: { size: 1 } } }).start()
    await expect(starting).rejects.toMatchObject({
      code: 'SANDBOX_INTERPRETER_MISSING',
      message: expect.stringContaining(message),
    })
    expect(JSON.parse(specs[0]?.command.at(-1) ?? '')).toMatchObject({ typescript: true })
  })
})

describe('the interpreter of a defined language', () => {
  it('is searched once for each image', async () => {
    const { engine, agents } = engineOf(answering(0))
    const pool = poolOf({ engine, languages: { bash } })
    expect(await pool.start()).toMatchObject({ bash: { ready: 1, total: 1, errors: [] } })
    expect(agents[0]?.requests).toEqual([
      {
        op: 'exec',
        argv: ['/bin/sh', '-c', expect.stringContaining('command -v -- "$1"'), 'sh', 'bash'],
        env: { PATH: '/opt/bin' },
      },
    ])
    expect(agents[0]?.isRemoved).toBe(false)
    pool.resize('bash', 2)
    while (pool.stats().bash?.idle !== 2) await flushStreams()
    expect(agents[1]?.requests).toEqual([])
  })

  it('rejects start() if it does not exist', async () => {
    const { engine, agents } = engineOf(answering(86))
    const pool = poolOf({ engine, languages: { bash } })
    await expect(pool.start()).rejects.toMatchObject({
      code: 'SANDBOX_INTERPRETER_MISSING',
      message: expect.stringMatching(/bash needs "bash", which the image mine\/bash:1 does not/),
    })
    expect(agents[0]?.isRemoved).toBe(true)
  })

  it.each([1, 127])('counts as present if the search ends with exit code %d', async (exitCode) => {
    const { engine } = engineOf(answering(exitCode))
    const report = await poolOf({ engine, languages: { bash } }).start()
    expect(report.bash).toMatchObject({ ready: 1 })
  })

  it('is not searched if the compiler makes it', async () => {
    const { engine, agents } = engineOf(answering(86))
    const built = { ...bash, run: ['./main'] }
    expect(await poolOf({ engine, languages: { bash: built } }).start()).toMatchObject({
      bash: { ready: 1 },
    })
    expect(agents[0]?.requests).toEqual([])
  })

  it('does not delay close() while it is searched', { timeout: 10_000 }, async () => {
    const { engine, agents } = engineOf((agent) => agent.sendJson(Kind.hello, 0, HELLO))
    const pool = poolOf({ engine, languages: { bash } })
    const report = pool.start()
    while (agents[0]?.requests.length !== 1) await flushStreams()
    await pool.close({ deadlineMs: 0 })
    expect(await report).toMatchObject({ bash: { ready: 0 } })
    expect(agents[0]?.signals).toEqual(['SIGKILL'])
    expect(agents[0]?.isRemoved).toBe(true)
  })
})
