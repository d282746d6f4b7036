import { describe, expect, it } from 'vitest'
import { Stream } from '../../../src/agent/protocol.js'
import { collectEvents, encodeRecord, flushStreams, leaseSandbox } from '../fakes/fake-agent.js'

const resultRecord = (text: string, isMain = false) =>
  encodeRecord({ type: 'result', isMain, text })
const error = { name: 'ValueError', message: 'no', traceback: 'main.py, line 2' }

describe('code with rich results', () => {
  it('has them in its result, and its output as lines', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const running = sandbox.runCode('x').then((result) => result)
    await flushStreams()
    agent.data(1, Stream.stdout, 'one\ntwo')
    agent.data(1, Stream.records, resultRecord('a'))
    agent.data(1, Stream.records, resultRecord('42', true))
    agent.data(1, Stream.records, encodeRecord({ type: 'error', ...error }))
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

  it('has them among its events in order, and the error in the exit event', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const received: unknown[] = []
    const handle = sandbox.runCode('x', { onResult: ({ text }) => received.push(text) })
    const { events, loopEnd } = collectEvents(handle)
    await flushStreams()
    for (const at of [1, 2, 3]) {
      agent.data(1, Stream.stdout, `${at}`)
      agent.data(1, Stream.records, resultRecord(`r${at}`))
    }
    agent.data(1, Stream.records, encodeRecord({ type: 'error', ...error }))
    agent.done(1, { exitCode: 1 })
    await loopEnd
    const last = events.pop()
    const seen = events.map((event) => (event.type === 'result' ? event.result.text : event.type))
    expect(seen).toEqual(['stdout', 'r1', 'stdout', 'r2', 'stdout', 'r3'])
    expect(last).toMatchObject({ type: 'exit', exitCode: 1, error })
    expect(received).toEqual(['r1', 'r2', 'r3'])
  })

  it('keeps the order of its events although a thousand of them wait for the loop', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.runCode('x')
    const events = handle[Symbol.asyncIterator]()
    const first = events.next()
    await flushStreams()
    for (let at = 0; at < 1000; at++) {
      agent.data(1, Stream.stdout, `${at};`)
      agent.data(1, Stream.records, resultRecord(`${at}`))
    }
    agent.done(1)
    await flushStreams()
    let printed = ''
    let results = 0
    for (let next = await first; !next.done; next = await events.next()) {
      const { value } = next
      if (value.type === 'stdout') printed += value.data
      if (value.type === 'result') {
        expect(printed.endsWith(`${value.result.text};`)).toBe(true)
        results++
      }
    }
    expect(results).toBe(1000)
  })

  it('has all results among its events, although its result keeps fewer', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.runCode('x')
    const { events, loopEnd } = collectEvents(handle)
    await flushStreams()
    for (const text of ['a', 'b', 'c']) {
      agent.data(1, Stream.records, resultRecord(text.repeat(50_000)))
      await flushStreams()
    }
    agent.done(1)
    await loopEnd
    expect(events.filter(({ type }) => type === 'result')).toHaveLength(3)
    expect(events.at(-1)).not.toHaveProperty('omittedResults')
    expect(await handle).toMatchObject({ omittedResults: 2 })
  })

  it('has results among its events that came before the loop began', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.runCode('x')
    const result = handle.then((end) => end)
    await flushStreams()
    agent.data(1, Stream.records, resultRecord('early'))
    const record = resultRecord('cut')
    agent.data(1, Stream.records, record.subarray(0, 7))
    await flushStreams()
    const { events, loopEnd } = collectEvents(handle)
    await flushStreams()
    agent.data(1, Stream.records, record.subarray(7))
    agent.done(1)
    await loopEnd
    const texts = events.flatMap((event) => (event.type === 'result' ? event.result.text : []))
    expect(texts).toEqual(['early', 'cut'])
    expect((await result).results).toHaveLength(2)
  })

  it('has the number of results that its result omits', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const running = sandbox.runCode('x').then((result) => result)
    await flushStreams()
    for (let count = 0; count < 104; count++) agent.data(1, Stream.records, resultRecord('r'))
    agent.done(1)
    expect(await running).toMatchObject({ omittedResults: 4 })
  })

  it('grants credit for the records that were read', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const running = sandbox.runCode('x').then((result) => result)
    await flushStreams()
    agent.data(1, Stream.records, resultRecord('x'.repeat(60_000)))
    agent.data(1, Stream.records, resultRecord('x'.repeat(60_000)))
    agent.data(1, Stream.records, resultRecord('x'.repeat(60_000)))
    await flushStreams()
    expect(agent.creditOf(Stream.records)).toBeGreaterThan(130_000)
    agent.done(1)
    expect((await running).results).toHaveLength(3)
  })
})
