import { describe, expect, it } from 'vitest'
import { Stream } from '../../../src/agent/protocol.js'
import { eventsOf, flow, leased, recordOf } from '../fakes/fake-agent.js'

const shown = (text: string, isMain = false) => recordOf({ type: 'result', isMain, text })
const error = { name: 'ValueError', message: 'no', traceback: 'main.py, line 2' }

describe('code that shows something', () => {
  it('has it in its result, and its output by lines', async () => {
    const { agent, sandbox } = await leased()
    const running = sandbox.runCode('x').then((result) => result)
    await flow()
    agent.data(1, Stream.stdout, 'one\ntwo')
    agent.data(1, Stream.records, shown('a'))
    agent.data(1, Stream.records, shown('42', true))
    agent.data(1, Stream.records, recordOf({ type: 'error', ...error }))
    agent.done(1, { exitCode: 1 })
    const result = await running
    const results = [
      { isMain: false, text: 'a' },
      { isMain: true, text: '42' },
    ]
    expect(result).toMatchObject({ text: '42', results, error, exitCode: 1 })
    expect(result.logs).toEqual({ stdout: ['one\n', 'two'], stderr: [] })
    expect(JSON.parse(JSON.stringify(result))).not.toHaveProperty('logs')
    expect(result).not.toHaveProperty('context')
    expect(result).not.toHaveProperty('omittedResults')
  })

  it('has it among its events, in their order, and the error in the last', async () => {
    const { agent, sandbox } = await leased()
    const told: unknown[] = []
    const handle = sandbox.runCode('x', { onResult: ({ text }) => told.push(text) })
    const { events, over } = eventsOf(handle)
    await flow()
    for (const at of [1, 2, 3]) {
      agent.data(1, Stream.stdout, `${at}`)
      agent.data(1, Stream.records, shown(`r${at}`))
    }
    agent.data(1, Stream.records, recordOf({ type: 'error', ...error }))
    agent.done(1, { exitCode: 1 })
    await over
    const last = events.pop()
    const seen = events.map((event) => (event.type === 'result' ? event.result.text : event.type))
    expect(seen).toEqual(['stdout', 'r1', 'stdout', 'r2', 'stdout', 'r3'])
    expect(last).toMatchObject({ type: 'exit', exitCode: 1, error })
    expect(told).toEqual(['r1', 'r2', 'r3'])
  })

  it('keeps their order though nobody takes a thousand of them', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.runCode('x')
    const events = handle[Symbol.asyncIterator]()
    const first = events.next()
    await flow()
    for (let at = 0; at < 1000; at++) {
      agent.data(1, Stream.stdout, `${at};`)
      agent.data(1, Stream.records, shown(`${at}`))
    }
    agent.done(1)
    await flow()
    let printed = ''
    let shownSoFar = 0
    for (let next = await first; !next.done; next = await events.next()) {
      const { value } = next
      if (value.type === 'stdout') printed += value.data
      if (value.type === 'result') {
        expect(printed.endsWith(`${value.result.text};`)).toBe(true)
        shownSoFar++
      }
    }
    expect(shownSoFar).toBe(1000)
  })

  it('has all of it among its events, also where the result keeps less', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.runCode('x')
    const { events, over } = eventsOf(handle)
    await flow()
    for (const text of ['a', 'b', 'c']) {
      agent.data(1, Stream.records, shown(text.repeat(50_000)))
      await flow()
    }
    agent.done(1)
    await over
    expect(events.filter(({ type }) => type === 'result')).toHaveLength(3)
    expect(events.at(-1)).not.toHaveProperty('omittedResults')
    expect(await handle).toMatchObject({ omittedResults: 2 })
  })

  it('has among its events what came before anybody took them', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.runCode('x')
    const result = handle.then((end) => end)
    await flow()
    agent.data(1, Stream.records, shown('early'))
    const record = shown('cut')
    agent.data(1, Stream.records, record.subarray(0, 7))
    await flow()
    const { events, over } = eventsOf(handle)
    await flow()
    agent.data(1, Stream.records, record.subarray(7))
    agent.done(1)
    await over
    const texts = events.flatMap((event) => (event.type === 'result' ? event.result.text : []))
    expect(texts).toEqual(['early', 'cut'])
    expect((await result).results).toHaveLength(2)
  })

  it('says how many it left out', async () => {
    const { agent, sandbox } = await leased()
    const running = sandbox.runCode('x').then((result) => result)
    await flow()
    for (let count = 0; count < 104; count++) agent.data(1, Stream.records, shown('r'))
    agent.done(1)
    expect(await running).toMatchObject({ omittedResults: 4 })
  })

  it('gives credit for the records that it took', async () => {
    const { agent, sandbox } = await leased()
    const running = sandbox.runCode('x').then((result) => result)
    await flow()
    agent.data(1, Stream.records, shown('x'.repeat(60_000)))
    agent.data(1, Stream.records, shown('x'.repeat(60_000)))
    agent.data(1, Stream.records, shown('x'.repeat(60_000)))
    await flow()
    expect(agent.creditOf(Stream.records)).toBeGreaterThan(130_000)
    agent.done(1)
    expect((await running).results).toHaveLength(3)
  })
})
