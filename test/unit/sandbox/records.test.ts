import { describe, expect, it } from 'vitest'
import { MAX_RECORD_BYTES } from '../../../src/agent/protocol.js'
import { RecordReader, RunRecords } from '../../../src/sandbox/streams/records.js'
import { encodeRecord, withLength } from '../fakes/fake-agent.js'

const result = (text: string) => ({ type: 'result', isMain: false, text })
const parsed = (text: string) => ({ type: 'result', result: { isMain: false, text } })
const textOf = (record: object) => Buffer.from(JSON.stringify(record))
const error = { type: 'error', name: 'E', message: 'm', traceback: 't' }

describe('the records on stream 3', () => {
  it('are read wherever the stream is split', () => {
    const bytes = Buffer.concat([
      encodeRecord(result('žluť')),
      encodeRecord(error),
      encodeRecord(result('b')),
    ])
    for (const size of [1, 3, 7, bytes.length]) {
      const reader = new RecordReader()
      const found = []
      for (let at = 0; at < bytes.length; at += size) {
        found.push(...reader.read(bytes.subarray(at, at + size)))
      }
      expect(found.map(({ record }) => record)).toEqual([parsed('žluť'), error, parsed('b')])
    }
  })

  it.each([
    ['a record that is not JSON', Buffer.from('{nope')],
    ['JSON that is not a record', Buffer.from('[]')],
    ['a record of an unknown type', Buffer.from('{"type":"javascript"}')],
    [
      'a record with a field of a wrong type',
      Buffer.from('{"type":"result","isMain":true,"png":7}'),
    ],
    [
      'a record that is nested too deeply',
      Buffer.from(`{"type":"result","isMain":true,"json":${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
    ],
    [
      'a record that is not UTF-8',
      Buffer.from('{"type":"result","isMain":true,"text":"\xff"}', 'latin1'),
    ],
    [
      'a record with too many strings',
      textOf({ ...result(''), json: Array.from({ length: 1e5 }, () => 'x') }),
    ],
    ['a record with too many escapes', textOf({ ...result('\ud800'.repeat(6e5)) })],
    ['a record with a message that is too long', textOf({ ...error, message: 'x'.repeat(1e6) })],
  ])('are read after %s', (_, body) => {
    const records = new RunRecords(1000)
    records.push(Buffer.concat([withLength(body), encodeRecord(result('next'))]))
    expect(records).toMatchObject({ unreadable: 1, results: [{ text: 'next' }], value: undefined })
  })

  it.each([
    ['is nested too deeply', '['.repeat(1e5) + ']'.repeat(1e5), 'deeper than 200 levels'],
    ['has too many strings', `[${'"",'.repeat(1e5)}0]`, 'too many strings'],
  ])('have the reason why there is no value if the value %s', (_, value, message) => {
    const records = new RunRecords(1000)
    records.push(withLength(Buffer.from(`{"type":"value","value":${value}}`)))
    expect(records).toMatchObject({
      value: undefined,
      refusal: { reason: 'value', message: expect.stringContaining(message) },
    })
  })

  it('are dropped after a hundred unreadable records', () => {
    const records = new RunRecords(1000)
    records.push(Buffer.concat(Array.from({ length: 1000 }, () => withLength(Buffer.from('x')))))
    records.push(encodeRecord(result('never')))
    expect(records).toMatchObject({ unreadable: 100, results: [] })
  })

  it.each([0, MAX_RECORD_BYTES + 1])('are dropped after a length of %d', (length) => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(length)
    const records = new RunRecords(1000)
    records.push(head)
    records.push(encodeRecord(result('never')))
    expect(records).toMatchObject({ unreadable: 1, results: [] })
  })

  it('lose JavaScript and unknown fields', () => {
    const records = new RunRecords(1000)
    records.push(encodeRecord({ ...result('x'), javascript: 'alert(1)', json: { a: 1 } }))
    expect(records.results).toEqual([{ isMain: false, text: 'x', json: { a: 1 } }])
  })

  it('have notes of a limited number and length', () => {
    const records = new RunRecords(1e6)
    const notes = ['repr() failed: ValueError: no']
    records.push(encodeRecord({ ...result('x'), notes }))
    records.push(encodeRecord({ ...result('y'), notes: ['x'.repeat(3000)] }))
    records.push(encodeRecord({ ...result('z'), notes: Array.from({ length: 30 }, () => 'x') }))
    expect(records).toMatchObject({ results: [{ text: 'x', notes }], unreadable: 2 })
  })

  it('are kept up to 100 results, and up to a limit of bytes', () => {
    const many = new RunRecords(1e6)
    for (let count = 0; count < 103; count++) many.push(encodeRecord(result(String(count))))
    expect(many.results).toHaveLength(100)
    expect(many).toMatchObject({ omitted: 3 })
    const large = new RunRecords(1000)
    for (const size of [600, 600, 100]) large.push(encodeRecord(result('x'.repeat(size))))
    expect(large.results.map(({ text }) => text?.length)).toEqual([600, 100])
    expect(large).toMatchObject({ omitted: 1 })
  })

  it('are kept up to the limit of their processing time', () => {
    const records = new RunRecords(1e9)
    const json = Object.fromEntries(Array.from({ length: 30_000 }, (_, key) => [`k${key}`, 0]))
    for (let count = 0; count < 10; count++) records.push(encodeRecord({ ...result(''), json }))
    expect(records.results).toHaveLength(3)
    expect(records).toMatchObject({ omitted: 7, unreadable: 0 })
  })

  it('have the last value of a call, although the code sends a value before', () => {
    const records = new RunRecords(1000)
    records.push(encodeRecord({ type: 'value', value: 'forged' }))
    records.push(encodeRecord({ type: 'value', value: null }))
    expect(records.value).toMatchObject({ value: null })
  })
})
