import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { Channel } from '../../src/agent/channel.js'
import type { Exchange } from '../../src/agent/exchange.js'
import type { Done, Frame, Request } from '../../src/agent/protocol.js'
import { FrameReader, Stream } from '../../src/agent/protocol.js'
import type { Container, ContainerExit } from '../../src/engine/engine.js'
import type { Language } from '../../src/languages.js'
import { LANGUAGES } from '../../src/languages.js'
import { within } from './until.js'

export const isRoot = process.getuid?.() === 0
// Not the shell's: a version manager keeps its programs in a home where nobody may not go.
const PATH = [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':')

/** What came of one request. */
export interface Answer {
  stdout: Buffer
  stderr: string
  done: Done
}

/** An agent as a plain process of this machine: the contract, without a container round it. */
export class LocalAgent implements Container {
  readonly name = 'local'
  readonly workspace = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-test-'))
  readonly exited: Promise<ContainerExit>
  /** Everything it has said. */
  readonly frames: Frame[] = []
  readonly #child: ChildProcessWithoutNullStreams
  #channel: Channel | undefined

  constructor(language: Language) {
    chmodSync(this.workspace, 0o1777)
    const [program = '', ...args] = LANGUAGES[language].command
    this.#child = spawn(program, [...args, this.workspace], { env: { PATH } })
    const reader = new FrameReader()
    this.stdout.on('data', (chunk: Buffer) => this.frames.push(...reader.read(chunk)))
    let stderr = ''
    this.#child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        resolve({ exitCode: code ?? undefined, oom: false, stderr })
      })
    })
  }

  /** A warm one for one test. What it started goes with it. */
  static async ofTest(language: Language): Promise<LocalAgent> {
    const agent = new LocalAgent(language)
    onTestFinished(async () => {
      await agent.remove()
      rmSync(agent.workspace, { recursive: true, force: true })
    })
    agent.#channel = await Channel.open(agent, AbortSignal.timeout(30_000))
    return agent
  }

  get stdin() {
    return this.#child.stdin
  }

  get stdout() {
    return this.#child.stdout
  }

  /** How many bytes it was sent, those on their way included. */
  get sentBytes(): number {
    return this.stdin instanceof Socket ? this.stdin.bytesWritten : 0
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async remove(): Promise<void> {
    for (const pid of this.#child.exitCode === null ? descendantsOf(this.pid) : []) kill(pid)
    this.#child.kill('SIGKILL')
    await this.exited
  }

  open(request: Request, onData: (stream: number, bytes: Buffer) => void = () => {}): Exchange {
    if (!this.#channel) throw new Error('the agent is not warm')
    return this.#channel.open(request, onData)
  }

  /** One request to its end, with all the credit it wants. */
  async ask(request: Request, stdin: string | Uint8Array = ''): Promise<Answer> {
    const streams: Record<number, Buffer[]> = { [Stream.stdout]: [], [Stream.stderr]: [] }
    const exchange = this.open(request, (stream, bytes) => {
      streams[stream]?.push(bytes)
      exchange.consumed(stream, bytes.length)
    })
    void exchange.write(Buffer.from(stdin)).then(() => exchange.end())
    const outcome = await within(`an answer to ${request.op}`, exchange.outcome)
    if ('lost' in outcome) throw new Error(`the agent is gone: ${outcome.lost.stderr}`)
    const of = (stream: number) => Buffer.concat(streams[stream] ?? [])
    return {
      stdout: of(Stream.stdout),
      stderr: of(Stream.stderr).toString(),
      done: outcome.done,
    }
  }
}

export function run(code: string, more: { args?: string[]; env?: Record<string, string> } = {}) {
  return { op: 'run', code, cwd: undefined, env: more.env, args: more.args } as const
}

export function exec(...argv: string[]) {
  return { op: 'exec', argv, cwd: undefined, env: undefined } as const
}

export function sh(script: string) {
  return exec('/bin/sh', '-c', script)
}

export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

function descendantsOf(root: number): number[] {
  const children = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && parentOf(name) === root,
  )
  return children.map(Number).flatMap((pid) => [pid].concat(descendantsOf(pid)))
}

function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
