import { encodeFrame, Kind, Stream } from '../../../src/agent/protocol.js'

const HUGE = Buffer.from('0300000001ffffffff', 'hex')
const done = (id: number, text = '{"exitCode":0}') => encodeFrame(Kind.done, id, Buffer.from(text))
const data = (id: number, stream: number, bytes: string | Uint8Array) =>
  encodeFrame(Kind.data, id, Uint8Array.of(stream), Buffer.from(bytes))

/** Bytes of hostile agents that are worth to be kept: each was, or could be, a fault of the host. */
export const CORPUS: readonly [name: string, bytes: Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['half a header', HUGE.subarray(0, 5)],
  ['the header of a frame of 4 GiB', HUGE],
  // The answers of one chunk before a header that is too long were lost.
  ['an answer, and the header of a frame that is too long', Buffer.concat([done(1), HUGE])],
  ['an answer twice', Buffer.concat([done(1), done(1)])],
  ['an answer that was never asked for', done(99)],
  // Frames that use no credit could be sent without end.
  ['data of no bytes', data(1, Stream.stdout, '')],
  ['data of no bytes on an unknown stream', data(1, 77, '')],
  ['pings that the host did not send', encodeFrame(Kind.ping, 0)],
  ['an answer of 60,000 arrays in each other', done(1, '['.repeat(60_000))],
  ['an exit code that is no number of JSON', done(1, '{"exitCode":NaN}')],
  ['a record of 4 GiB', Buffer.concat([data(1, Stream.records, Buffer.alloc(4, 0xff)), done(1)])],
  ['a listing of half a line', Buffer.concat([data(4, Stream.stdout, '{"path":"a'), done(4)])],
]
