import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AgentBundle } from '../../src/agent/bundle.js'
import { FrameReader, Kind } from '../../src/agent/protocol.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { run } from '../helpers/agent-folder.js'
import type { Place } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'
import { agentOfTest, places } from '../helpers/agent-places.js'

/** Launches an agent, runs a program, and returns the code cache that the agent has sent back. */
async function codeCacheOf(place: Place, bundle: AgentBundle): Promise<Buffer> {
  const agent = await agentOfTest(place, {}, bundle)
  const code = place.language === 'python' ? 'print(6 * 7)' : 'console.log(6 * 7)'
  expect((await agent.ask(run(code))).stdout.toString()).toBe('42\n')
  return agent.codeCache
}

describe.each(places)('the bundle of the $language agent, $where', (place) => {
  const { source } = LANGUAGES[place.language].agent.bundle

  it('the bundle is compiled once', { timeout: 60_000 }, async () => {
    const bundle = new AgentBundle(source)
    const codeCache = await codeCacheOf(place, bundle)
    expect(codeCache.length).toBeGreaterThan(1000)
    bundle.keep(place.where, codeCache)
    expect(await codeCacheOf(place, bundle)).toEqual(Buffer.alloc(0))
  })

  it.each([
    ['another interpreter', '3.99.0 (main)\nnot marshal'],
    ['an unknown interpreter', 'x'],
  ])('the agent compiles the source if %s has made the code cache', async (_, codeCache) => {
    const bundle = new AgentBundle(source)
    bundle.keep(place.where, Buffer.from(codeCache))
    expect((await codeCacheOf(place, bundle)).length).toBeGreaterThan(1000)
  })

  it('the agent exits if stdin ends before the bundle', async () => {
    const agent = agentOfTest(place, {}, new AgentBundle(''))
    await expect(agent).rejects.toThrow('the agent has exited')
  })
})

it('the Python agent starts if the interpreter lacks a part of a library package', async () => {
  const { bundle, command } = LANGUAGES.python.agent
  const [python = '', ...flags] = command.slice(0, -1)
  const loader = `import sys\nsys.modules['_json'] = None\n${command.at(-1)}`
  const child = spawn(python, [...flags, loader, JSON.stringify({ workspace: tmpdir() })])
  onTestFinished(() => void child.kill())
  const reader = new FrameReader()
  const kinds: number[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    for (const { kind } of reader.read(chunk)) kinds.push(kind)
  })
  child.stdin.write(bundle.frameFor('any'))
  await until('the agent has said hello', () => kinds.includes(Kind.hello))
})
