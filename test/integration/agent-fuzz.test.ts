import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameReader, Kind } from '../../src/agent/protocol.js'
import type { AgentName } from '../../src/languages/built-in.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { languages } from '../helpers/engine.js'
import { LocalContainer } from '../helpers/local-container.js'
import { chunksOf, ChunkSizes, mutate, Mutations } from '../helpers/mutations.js'
import { cases } from '../unit/fakes/property.js'
import { until, within } from '../helpers/until.js'

const MAX_MIB = 200

/** An agent as a plain process, to which a test sends any bytes. */
class RawAgent {
  readonly container: LocalContainer
  hasExited = false
  hasHello = false
  #pongs = new Set<string>()
  #pings = 0

  constructor(language: AgentName) {
    this.container = new LocalContainer(language, {})
    const reader = new FrameReader()
    this.container.stdin.on('error', () => {})
    this.container.stdout.on('data', (chunk: Buffer) => {
      for (const { kind, payload } of reader.read(chunk)) {
        if (kind === Kind.hello) this.hasHello = true
        if (kind === Kind.ping) this.#pongs.add(payload.toString())
      }
    })
    void this.container.exited.then(() => (this.hasExited = true))
    this.send(LANGUAGES[language].agent.bundle.frameFor('process'))
  }

  send(bytes: Uint8Array): void {
    this.container.stdin.write(bytes)
  }

  /** Waits until the agent answers a ping or has exited. */
  async answersOrExits(): Promise<void> {
    const name = `ping ${++this.#pings}`
    this.send(encodeFrame(Kind.ping, 0, Buffer.from(name)))
    await until('the agent answers or exits', () => this.#pongs.has(name) || this.hasExited)
  }

  /** Ends the stdin of the agent. Expects that it exits, and that no process is left. */
  async end(): Promise<void> {
    try {
      this.container.stdin.end()
      const { exitCode, stderr } = await within('the agent exits', this.container.exited)
      expect([0, 1], stderr).toContain(exitCode)
      await until('no process is left', () => this.processes().length === 0)
    } finally {
      await this.container.remove()
    }
  }

  /** Returns the agent and all processes that it has started. */
  processes(): number[] {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    const { workspace } = this.container
    const places = (pid: string) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readlinkSync(`/proc/${pid}/cwd`)
    return pids.filter((pid) => attempt(() => places(pid)).includes(workspace)).map(Number)
  }

  /** Returns the time that all processes have computed. */
  ticks(): number {
    const timesOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)
    const fields = this.processes().map((pid) => attempt(() => timesOf(pid) ?? '').split(' '))
    return fields.reduce((sum, field) => sum + Number(field[11] ?? 0) + Number(field[12] ?? 0), 0)
  }

  peakMiB(): number {
    const status = readFileSync(`/proc/${this.container.pid}/status`, 'utf8')
    return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1]) / 1024
  }
}

function attempt(read: () => string): string {
  try {
    return read()
  } catch {
    return '' // the process has ended
  }
}

async function launch(language: AgentName): Promise<RawAgent> {
  const agent = new RawAgent(language)
  await until('the agent says hello', () => agent.hasHello)
  return agent
}

const DEEP = JSON.parse('['.repeat(150) + ']'.repeat(150))
/** Values that fields may have, also those of another type. */
const VALUES = [
  [null, true, -1, 0, 1.5, 1e300, '', 'f', 'a/b', '..', 'n'.repeat(300), '\0', '\ud800'],
  [[], ['true'], [1], ['no such program'], {}, { A: 'b' }, { '': 'c' }, DEEP],
].flat()
const Values = fc.constantFrom<unknown>(...VALUES)
const FIELDS = ['path', 'code', 'argv', 'args', 'cwd', 'env', 'context', 'mode', 'offset', 'length']
const MORE = ['timeoutMs', 'atomic', 'recursive', 'paths', 'entries', 'mtimeMs', 'call']
/** Requests that are valid, and some with changed fields. None deletes or moves a file. */
const Requests = fc
  .tuple(
    fc.constantFrom<Record<string, unknown>>(
      { op: 'run', code: '1' },
      { op: 'exec', argv: ['true'] },
      { op: 'open', context: 'c' },
      { op: 'run', code: '1', context: 'c' },
      { op: 'read', path: 'f' },
      { op: 'write', path: 'f' },
      { op: 'write', path: 'f', atomic: true },
      { op: 'list', path: '.' },
      { op: 'stat', path: 'f' },
      { op: 'mkdir', path: 'd', recursive: true },
      { op: 'take', path: 'f' },
      { op: 'pack', paths: ['f'] },
      { op: 'place', path: 'f', mode: 0o644, mtimeMs: 1 },
      { op: 'no such operation' },
    ),
    fc.dictionary(fc.constantFrom(...FIELDS, ...MORE), Values, { maxKeys: 2 }),
    fc.boolean(),
  )
  .map(([request, fields, isValid]) =>
    JSON.stringify(isValid ? request : { ...request, ...fields }),
  )

const Ids = fc.nat(6)
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((each) => Buffer.from(each))
/** Complete frames of a host that does not keep to the order, the types and the credit. */
const Frames = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(
        fc.constant(Kind.request),
        Ids,
        Requests.map((text) => Buffer.from(text)),
      ),
    },
    fc.tuple(fc.constantFrom(Kind.data, Kind.credit, Kind.eof), Ids, bytes(20)),
    fc.tuple(fc.constant(Kind.credit), Ids, fc.constant(Buffer.from('0100040000', 'hex'))),
    fc.tuple(
      fc.constant(Kind.signal),
      Ids,
      fc.constantFrom('SIGTERM', 'SIGKILL', 'SIGNONE', '').map((name) => Buffer.from(name)),
    ),
    fc.tuple(fc.constant(Kind.request), Ids, bytes(20)),
    fc.tuple(fc.nat(255), Ids, bytes(20)),
  ),
  { minLength: 1, maxLength: 12 },
)
const encode = (frames: readonly (readonly [number, number, Buffer])[]) =>
  Buffer.concat(frames.map(([kind, id, payload]) => encodeFrame(kind, id, payload)))

describe.each(languages)('the bytes of a host to the agent of %s', (language) => {
  it('never make it hang, spin, or hold much memory', async () => {
    let agent = await launch(language)
    const property = fc.asyncProperty(Frames, ChunkSizes, async (frames, sizes) => {
      if (agent.hasExited) {
        await agent.end()
        agent = await launch(language)
      }
      for (const chunk of chunksOf(encode(frames), sizes)) agent.send(chunk)
      await agent.answersOrExits()
    })
    try {
      await fc.assert(property, { ...cases(60), endOnFailure: true })
      let [ticks, quietTurns] = [-1, 0]
      await until('the agent and its programs rest', () => {
        const now = agent.ticks()
        quietTurns = now === ticks ? quietTurns + 1 : 0
        ticks = now
        return quietTurns === 10
      })
      if (!agent.hasExited) expect(agent.peakMiB()).toBeLessThan(MAX_MIB)
    } finally {
      await agent.end()
    }
  })

  it('let it exit when they end, also in the middle of a frame', async () => {
    const property = fc.asyncProperty(Frames, Mutations, async (frames, mutations) => {
      const agent = await launch(language)
      agent.send(mutate(encode(frames), mutations))
      await agent.end()
    })
    await fc.assert(property, { ...cases(6), endOnFailure: true })
  })
})
