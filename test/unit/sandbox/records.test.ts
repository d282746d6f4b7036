import { describe, expect, it } from 'vitest'
import { MAX_RECORD_BYTES } from '../../../src/agent/protocol.js'
import { RecordReader, RunRecords } from '../../../src/sandbox/streams/records.js'
import { recordOf } from '../fakes/fake-agent.js'

const result = (text: string) => ({ type: 'result', isMain: false, text })
const parsed = (text: string) => ({ type: 'result', result: { isMain: false, text } })
const textOf = (record: object) => Buffer.from(JSON.stringify(record))
const error = { type: 'error', name: 'E', message: 'm', traceback: 't' }

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

describe('stream 3', () => {
  it('is cut into records, however it comes', () => {
    const bytes = Buffer.concat([recordOf(result('žluť')), recordOf(error), recordOf(result('b'))])
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
    ['no JSON', Buffer.from('{nope')],
    ['not a record', Buffer.from('[]')],
    ['a kind that there is not', Buffer.from('{"type":"javascript"}')],
    ['a field of another type', Buffer.from('{"type":"result","isMain":true,"png":7}')],
    [
      'nested without end',
      Buffer.from(`{"type":"result","isMain":true,"json":${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
    ],
    ['no UTF-8', Buffer.from('{"type":"result","isMain":true,"text":"\xff"}', 'latin1')],
    ['too many strings', textOf({ ...result(''), json: Array.from({ length: 1e5 }, () => 'x') })],
    ['too many escapes', textOf({ ...result('\ud800'.repeat(6e5)) })],
    ['an endless message', textOf({ ...error, message: 'x'.repeat(1e6) })],
  ])('passes over %s', (_, body) => {
    const records = new RunRecords(1000)
    records.push(Buffer.concat([framed(body), recordOf(result('next'))]))
    expect(records).toMatchObject({ unreadable: 1, results: [{ text: 'next' }], value: undefined })
  })

  it.each([
    ['too deep', '['.repeat(1e5) + ']'.repeat(1e5), 'deeper than 200 levels'],
    ['too much', `[${'"",'.repeat(1e5)}0]`, 'too many strings'],
  ])('says why there is no value: %s', (_, value, message) => {
    const records = new RunRecords(1000)
    records.push(framed(Buffer.from(`{"type":"value","value":${value}}`)))
    expect(records).toMatchObject({
      value: undefined,
      refusal: { reason: 'value', message: expect.stringContaining(message) },
    })
  })

  it('holds nothing after a hundred that cannot be read', () => {
    const records = new RunRecords(1000)
    records.push(Buffer.concat(Array.from({ length: 1000 }, () => framed(Buffer.from('x')))))
    records.push(recordOf(result('never')))
    expect(records).toMatchObject({ unreadable: 100, results: [] })
  })

  it.each([0, MAX_RECORD_BYTES + 1])('holds nothing after a length of %d', (length) => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(length)
    const records = new RunRecords(1000)
    records.push(head)
    records.push(recordOf(result('never')))
    expect(records).toMatchObject({ unreadable: 1, results: [] })
  })

  it('never has JavaScript in it, nor what is unknown', () => {
    const records = new RunRecords(1000)
    records.push(recordOf({ ...result('x'), javascript: 'alert(1)', json: { a: 1 } }))
    expect(records.results).toEqual([{ isMain: false, text: 'x', json: { a: 1 } }])
  })

  it('keeps so many results, and so many bytes', () => {
    const many = new RunRecords(1e6)
    for (let count = 0; count < 103; count++) many.push(recordOf(result(String(count))))
    expect(many.results).toHaveLength(100)
    expect(many).toMatchObject({ omitted: 3 })
    const large = new RunRecords(1000)
    for (const size of [600, 600, 100]) large.push(recordOf(result('x'.repeat(size))))
    expect(large.results.map(({ text }) => text?.length)).toEqual([600, 100])
    expect(large).toMatchObject({ omitted: 1 })
  })

  it('keeps no more results than one answer can take', () => {
    const records = new RunRecords(1e9)
    const json = Object.fromEntries(Array.from({ length: 30_000 }, (_, key) => [`k${key}`, 0]))
    for (let count = 0; count < 10; count++) records.push(recordOf({ ...result(''), json }))
    expect(records.results).toHaveLength(3)
    expect(records).toMatchObject({ omitted: 7, unreadable: 0 })
  })

  it('has the last word of a call, whatever the code says before', () => {
    const records = new RunRecords(1000)
    records.push(recordOf({ type: 'value', value: 'forged' }))
    records.push(recordOf({ type: 'value', value: null }))
    expect(records.value).toMatchObject({ value: null })
  })
})
