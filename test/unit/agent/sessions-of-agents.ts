import * as fc from 'fast-check'
import { encodeFrame, Kind, Stream } from '../../../src/agent/protocol.js'
import { encodeRecord, entryLine } from '../fakes/fake-agent.js'

interface Sent {
  kind: number
  id: number
  payload: Uint8Array
}

const json = (kind: number, id: number, value: object): Sent => ({
  kind,
  id,
  payload: Buffer.from(JSON.stringify(value)),
})
const data = (id: number, stream: number, bytes: string | Uint8Array): Sent => ({
  kind: Kind.data,
  id,
  payload: Buffer.concat([Uint8Array.of(stream), Buffer.from(bytes)]),
})
const FILE = { size: 5, mtimeMs: 1.5, mode: 0o644 }
const EXIT = { exitCode: 0, signal: null, usage: { cpuMs: 1.5, maxRssBytes: 4096 } }

/** The answers of a valid agent to the requests 1 to 6: run, exec, read, list, stat, write. */
const ANSWERS: readonly (readonly Sent[])[] = [
  [
    data(1, Stream.stdout, 'out é\n'),
    data(1, Stream.records, encodeRecord({ type: 'result', isMain: true, text: '1' })),
    data(1, Stream.stderr, 'err\n'),
    json(Kind.done, 1, EXIT),
  ],
  [
    json(Kind.started, 2, { pid: 7 }),
    data(2, Stream.stdout, 'x'),
    json(Kind.done, 2, { ...EXIT, exitCode: null, signal: 'SIGTERM', cause: 'oom' }),
  ],
  [json(Kind.started, 3, FILE), data(3, Stream.stdout, 'bytes'), json(Kind.done, 3, {})],
  [data(4, Stream.stdout, entryLine('a') + entryLine('b')), json(Kind.done, 4, {})],
  [data(5, Stream.stdout, entryLine('f')), json(Kind.done, 5, {})],
  [
    json(Kind.started, 6, {}),
    { kind: Kind.credit, id: 6, payload: Uint8Array.of(0, 0, 0, 0, 3) },
    json(Kind.done, 6, {}),
  ],
]

/** The answers, each in its own order, between each other at random. */
const Interleaved = fc.infiniteStream(fc.nat(ANSWERS.length - 1)).map((picks) => {
  const left = ANSWERS.map((answer) => answer.slice())
  const sent: Sent[] = []
  while (left.some(({ length }) => length > 0)) {
    const frame = left[picks.next().value ?? 0]?.shift()
    if (frame) sent.push(frame)
  }
  return sent
})

/** JSON that is deep, huge, or of another type than the host expects. */
const Texts = fc.oneof(
  fc.json(),
  fc.constantFrom(
    '['.repeat(60_000),
    '{"exitCode":'.repeat(5000),
    `[${'0,'.repeat(30_000)}0]`,
    `{"error":{"code":"E","message":"${'x'.repeat(60_000)}"}}`,
    '{"exitCode":1e999,"usage":{"cpuMs":1e999}}',
    '{"size":1e999,"mtimeMs":-1e999,"mode":1e300,"pid":9e99}',
    '{"path":"../../etc/passwd","type":"file","size":-1,"mtimeMs":0,"mode":0}\n',
    '{"__proto__":{"exitCode":0},"constructor":1}',
    '{"exitCode":0} ',
    'null',
    '"\\ud800"',
  ),
)
const Payloads = fc.oneof(
  Texts.map((text) => Buffer.from(text)),
  Texts.map((text) => Buffer.concat([Uint8Array.of(1), Buffer.from(text)])),
  Texts.map((text) => Buffer.concat([Uint8Array.of(3), lengthOf(text), Buffer.from(text)])),
  fc.uint8Array({ maxLength: 40 }),
)
const Frames: fc.Arbitrary<Sent> = fc.record({
  kind: fc.oneof(fc.constantFrom(...Object.values(Kind)), fc.nat(255)),
  id: fc.oneof(fc.nat(8), fc.nat(2 ** 32 - 1)),
  payload: Payloads,
})

/** A change of a sequence of frames. */
const Changes = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('insert', 'drop', 'repeat', 'payload', 'header'),
    frame: Frames,
  }),
  { maxLength: 3 },
)

function change(sent: Sent[], { at, kind, frame }: { at: number; kind: string; frame: Sent }) {
  const index = at % sent.length
  const old = sent[index] ?? frame
  if (kind === 'insert') return sent.toSpliced(index, 0, frame)
  if (kind === 'drop') return sent.length > 1 ? sent.toSpliced(index, 1) : sent
  if (kind === 'repeat') return sent.toSpliced(index, 0, old)
  const next =
    kind === 'payload' ? { ...old, payload: frame.payload } : { ...frame, payload: old.payload }
  return sent.with(index, next)
}

function lengthOf(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(text))
  return length
}

const encode = (sent: readonly Sent[]) =>
  Buffer.concat(sent.map(({ kind, id, payload }) => encodeFrame(kind, id, payload)))

/** The bytes that an agent sends for the requests 1 to 6. */
export const Sessions = {
  valid: Interleaved.map(encode),
  /** With frames that are changed, missing or added. */
  broken: fc
    .tuple(Interleaved, Changes)
    .map(([sent, changes]) => encode(changes.reduce(change, sent))),
}
