import { describe, expect, it } from 'vitest'
import { AgentProgram } from '../../src/agent/bundle.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { run } from '../helpers/agent-folder.js'
import type { Place } from '../helpers/agent-places.js'
import { agentOfTest, places } from '../helpers/agent-places.js'

/** What an agent sends back of its program, once it has shown that it works. */
async function compiledBy(place: Place, program: AgentProgram): Promise<Buffer> {
  const agent = await agentOfTest(place, {}, program)
  const code = place.language === 'python' ? 'print(6 * 7)' : 'console.log(6 * 7)'
  expect((await agent.ask(run(code))).stdout.toString()).toBe('42\n')
  return agent.compiled
}

describe.each(places)('the program of a $language agent in $where', (place) => {
  const { source } = LANGUAGES[place.language].agent

  it('is compiled once', { timeout: 60_000 }, async () => {
    const program = new AgentProgram(source)
    const compiled = await compiledBy(place, program)
    expect(compiled.length).toBeGreaterThan(1000)
    program.keep(place.where, compiled)
    expect(await compiledBy(place, program)).toEqual(Buffer.alloc(0))
  })

  it.each([
    ['another interpreter', '3.99.0 (main)\nnot marshal'],
    ['nobody who knows', 'x'],
  ])('is taken from its source where %s has compiled it', async (_, compiled) => {
    const program = new AgentProgram(source)
    program.keep(place.where, Buffer.from(compiled))
    expect((await compiledBy(place, program)).length).toBeGreaterThan(1000)
  })

  it('is not waited for when the host is gone', async () => {
    const agent = agentOfTest(place, {}, new AgentProgram(''))
    await expect(agent).rejects.toThrow('the agent has exited')
  })
})
