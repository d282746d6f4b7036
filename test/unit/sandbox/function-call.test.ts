import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import { callWith, encodeRecord, leaseSandbox } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'

/** Leases a sandbox whose code sends these records and ends with `end`. */
async function sandboxWith(records: object[], end: object = { exitCode: 0 }) {
  const { agent, sandbox } = await leaseSandbox()
  agent.onFrame = ({ kind, id }) => {
    if (kind !== Kind.request) return
    for (const record of records) agent.data(id, Stream.records, encodeRecord(record))
    agent.data(id, Stream.stdout, 'printed')
    agent.done(id, end)
  }
  return { agent, sandbox }
}

describe('Sandbox.call()', () => {
  it('requests a function with its arguments, and returns its value', async () => {
    const { agent, sandbox } = await sandboxWith([{ type: 'value', value: { sum: 3 } }])
    const options = { entry: 'add', args: [1, 2], kwargs: { deep: [null] } }
    const result = await sandbox.call<{ sum: number }>('code', options)
    expect(agent.requests).toEqual([{ op: 'run', code: 'code', call: options, timeoutMs: 30_000 }])
    expect(result).toMatchObject({ ok: true, value: { sum: 3 }, stdout: 'printed', exitCode: 0 })
    await sandbox.call('code')
    expect(agent.requests[1]).toMatchObject({ call: { entry: 'main', args: [], kwargs: {} } })
  })

  const value = { type: 'value', value: 1 }
  const error = { type: 'error', name: 'ValueError', message: 'no', traceback: '...' }
  const refusal = { type: 'refusal', reason: 'entry', message: "there is no 'main'" }
  it.each([
    ['threw', [error], { exitCode: 1 }, 'ValueError: no'],
    ['entry', [refusal], { exitCode: 1 }, "there is no 'main'"],
    ['value', [{ ...refusal, reason: 'value', message: 'a set' }], { exitCode: 1 }, 'a set'],
    ['exited', [], { exitCode: 4 }, 'the code exited with code 4 and returned no value'],
    ['killed', [value], { exitCode: null, signal: 'SIGSEGV' }, 'the call was killed: SIGSEGV'],
    ['killed', [error], { exitCode: 1, cause: 'oom' }, 'the call was killed: oom'],
  ])('returns the reason "%s" if there is no value', async (reason, records, end, message) => {
    const { sandbox } = await sandboxWith(records, end)
    expect(await sandbox.call('code')).toMatchObject({ ok: false, reason, message })
  })

  it('returns the output of a schema as the value', async () => {
    const { sandbox } = await sandboxWith([{ type: 'value', value: '7' }])
    const schema = v.pipe(v.string(), v.transform(Number))
    const result = await sandbox.call('code', { schema })
    expect(result).toMatchObject({ ok: true, value: 7 })
    const refused = await sandbox.call('code', { schema: v.object({ a: v.number() }) })
    expect(refused).toMatchObject({ ok: false, reason: 'schema', message: expect.any(String) })
    expect('issues' in refused && refused.issues).toHaveLength(1)
    const later = v.pipeAsync(
      v.string(),
      v.transformAsync(async (text) => `${text}!`),
    )
    expect(await sandbox.call('code', { schema: later })).toMatchObject({ ok: true, value: '7!' })
  })

  it.each([
    ['entry', { entry: 'not a name' }, 'the name of a function'],
    ['args.1', { args: [1, Number.NaN] }, 'JSON; it is NaN'],
    ['kwargs.at', { kwargs: { at: new Date(0) } }, 'JSON; it is not a plain object'],
    ['schema', { schema: {} }, 'a Standard Schema'],
    ['arg', { arg: [] }, 'is not an option'],
  ])('refuses a wrong option %s', async (name, options, expected) => {
    const { agent, sandbox } = await sandboxWith([])
    const refused = await outcomeOf(Promise.resolve(callWith(sandbox, 'call', 'code', options)))
    expect(refused).toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: expect.stringMatching(new RegExp(`call: ${name} .*${expected}`)),
    })
    expect(agent.requests).toEqual([])
  })
})
