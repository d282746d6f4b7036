import * as v from 'valibot'
import type { FileRequest } from '../../src/agent/protocol.js'
import type { Agent } from './agent.js'
import type { AgentRequest, Answer } from './agent-request.js'

/** The working directory and the variables of a program. */
interface ProgramOptions {
  cwd?: string
  env?: Record<string, string>
}

export function run(code: string, more: ProgramOptions & { args?: string[] } = {}) {
  return { op: 'run', code, ...more } as const
}

export function exec(...argv: string[]) {
  return { op: 'exec', argv } as const
}

export function sh(script: string, more: ProgramOptions = {}) {
  return { ...exec('/bin/sh', '-c', script), ...more }
}

/** An entry of a listing or a stat. */
export const Entry = v.strictObject({
  path: v.string(),
  type: v.picklist(['file', 'directory', 'symlink', 'other']),
  size: v.pipe(v.number(), v.integer(), v.minValue(0)),
  mtimeMs: v.number(),
  target: v.optional(v.string()),
  mode: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o7777)),
})
export type Entry = v.InferOutput<typeof Entry>

/** A folder of one test in the agent's workspace. The paths of requests are relative to it. */
export class Folder {
  readonly agent: Agent
  readonly path: string

  private constructor(agent: Agent, path: string) {
    this.agent = agent
    this.path = path
  }

  static async make(agent: Agent, path: string): Promise<Folder> {
    const { done } = await agent.ask({ op: 'mkdir', path })
    if (done.error) throw new Error(`cannot make the folder of the test: ${done.error.message}`)
    return new Folder(agent, path)
  }

  /** Returns the path, relative to the workspace, of a name in the folder. */
  pathOf(name: string): string {
    return name.startsWith('/') ? name : `${this.path}/${name}`
  }

  /** Starts a program in the folder and does not wait for its end. */
  start(script: string, options?: { grantsCredit: boolean }): AgentRequest {
    return this.agent.open(sh(script, { cwd: `${this.agent.workspace}/${this.path}` }), options)
  }

  /** Runs a script and returns its stdout. Throws if it fails. */
  async sh(script: string): Promise<string> {
    const request = this.start(script)
    request.end()
    const { stdout, stderr, done } = await request.answer()
    if (done.exitCode !== 0) throw new Error(`${script}: ${JSON.stringify(done)} ${stderr}`)
    return stdout.toString()
  }

  open(request: FileRequest, options?: { grantsCredit: boolean }): AgentRequest {
    const to = 'to' in request ? { to: this.pathOf(request.to) } : {}
    const path = 'path' in request ? { path: this.pathOf(request.path) } : {}
    return this.agent.open({ ...request, ...path, ...to }, options)
  }

  async ask(request: FileRequest, stdin: string | Uint8Array = ''): Promise<Answer> {
    const opened = this.open(request)
    if (request.op === 'write') void opened.writeStdin(stdin).then(() => opened.end())
    return opened.answer()
  }

  /** Returns the name of the errno that a request fails with; `undefined` if it succeeds. */
  async errnoOf(request: FileRequest): Promise<string | undefined> {
    return (await this.ask(request, 'new')).done.error?.code
  }

  /** Returns the text of a file. */
  async read(path: string): Promise<string> {
    return (await this.expectSuccess({ op: 'read', path })).toString()
  }

  async write(path: string, text: string | Uint8Array): Promise<void> {
    await this.expectSuccess({ op: 'write', path }, text)
  }

  async stat(path: string): Promise<Entry | undefined> {
    return entriesOf(await this.expectSuccess({ op: 'stat', path })).at(0)
  }

  /** Returns the entries, sorted by path. */
  async list(path = '.', recursive?: boolean): Promise<Entry[]> {
    const entries = entriesOf(await this.expectSuccess({ op: 'list', path, recursive }))
    return entries.sort((one, other) => (one.path < other.path ? -1 : 1))
  }

  /** Returns the paths of all entries below the folder. */
  async tree(path = '.'): Promise<string[]> {
    return (await this.list(path, true)).map((entry) => entry.path)
  }

  /** Returns the processes of `pids` that are alive. */
  async alive(...pids: readonly (number | undefined)[]): Promise<number[]> {
    const look = `for p in ${pids.join(' ')}; do grep -q ') [^ZX]' /proc/$p/stat && echo $p; done`
    return (await this.sh(`(${look}) 2>/dev/null; :`)).split('\n').filter(Boolean).map(Number)
  }

  /** Sends a request that must succeed, and returns its stdout. */
  async expectSuccess(request: FileRequest, stdin?: string | Uint8Array): Promise<Buffer> {
    const { stdout, done } = await this.ask(request, stdin)
    if (Object.keys(done).length > 0) {
      throw new Error(`${JSON.stringify(request)}: ${JSON.stringify(done)}`)
    }
    return stdout
  }
}

/** Parses a listing: one line of JSON for each entry. */
export function entriesOf(bytes: Buffer): Entry[] {
  const lines = bytes.toString().split('\n')
  return lines.filter(Boolean).map((line) => v.parse(Entry, JSON.parse(line)))
}
