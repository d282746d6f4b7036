import * as v from 'valibot'
import type { FileRequest } from '../../src/agent/protocol.js'
import type { Agent } from './agent.js'
import type { Answer, Call } from './agent-call.js'

/** What a program is asked for with. */
interface Surroundings {
  cwd?: string
  env?: Record<string, string>
}

export function run(code: string, more: Surroundings & { args?: string[] } = {}) {
  return { op: 'run', code, ...more } as const
}

export function exec(...argv: string[]) {
  return { op: 'exec', argv } as const
}

export function sh(script: string, more: Surroundings = {}) {
  return { ...exec('/bin/sh', '-c', script), ...more }
}

/** A line of a listing. */
export const Entry = v.strictObject({
  path: v.string(),
  type: v.picklist(['file', 'directory', 'symlink', 'other']),
  size: v.pipe(v.number(), v.integer(), v.minValue(0)),
  mtimeMs: v.number(),
  mode: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o7777)),
})
export type Entry = v.InferOutput<typeof Entry>

/** A folder of one test in an agent's workspace. Paths of requests are relative to it. */
export class Folder {
  readonly agent: Agent
  readonly path: string

  private constructor(agent: Agent, path: string) {
    this.agent = agent
    this.path = path
  }

  static async make(agent: Agent, path: string): Promise<Folder> {
    const { done } = await agent.ask({ op: 'mkdir', path })
    if (done.error) throw new Error(`no folder for the test: ${done.error.message}`)
    return new Folder(agent, path)
  }

  /** The path under the workspace of a name in the folder. */
  at(name: string): string {
    return name.startsWith('/') ? name : `${this.path}/${name}`
  }

  /** A program in the folder, left running. */
  start(script: string, options?: { givesCredit: boolean }): Call {
    return this.agent.open(sh(script, { cwd: `${this.agent.workspace}/${this.path}` }), options)
  }

  /** What a script prints. It must do well. */
  async sh(script: string): Promise<string> {
    const call = this.start(script)
    call.end()
    const { stdout, stderr, done } = await call.answer()
    if (done.exitCode !== 0) throw new Error(`${script}: ${JSON.stringify(done)} ${stderr}`)
    return stdout.toString()
  }

  open(request: FileRequest, options?: { givesCredit: boolean }): Call {
    const to = 'to' in request ? { to: this.at(request.to) } : {}
    return this.agent.open({ ...request, path: this.at(request.path), ...to }, options)
  }

  async ask(request: FileRequest, stdin: string | Uint8Array = ''): Promise<Answer> {
    const call = this.open(request)
    if (request.op === 'write') void call.writeStdin(stdin).then(() => call.end())
    return call.answer()
  }

  /** The errno's name a request is refused with, `undefined` where it is not. */
  async refusal(request: FileRequest): Promise<string | undefined> {
    return (await this.ask(request, 'new')).done.error?.code
  }

  /** A file's text. */
  async read(path: string): Promise<string> {
    return (await this.well({ op: 'read', path })).toString()
  }

  async write(path: string, text: string | Uint8Array): Promise<void> {
    await this.well({ op: 'write', path }, text)
  }

  async stat(path: string): Promise<Entry | undefined> {
    return entriesOf(await this.well({ op: 'stat', path })).at(0)
  }

  /** The entries, by their paths. */
  async list(path = '.', recursive?: boolean): Promise<Entry[]> {
    const entries = entriesOf(await this.well({ op: 'list', path, recursive }))
    return entries.sort((one, other) => (one.path < other.path ? -1 : 1))
  }

  /** The paths of all that is in the folder. */
  async tree(path = '.'): Promise<string[]> {
    return (await this.list(path, true)).map((entry) => entry.path)
  }

  /** Of these processes, those that are alive. */
  async alive(...pids: readonly (number | undefined)[]): Promise<number[]> {
    const look = `for p in ${pids.join(' ')}; do grep -q ') [^ZX]' /proc/$p/stat && echo $p; done`
    return (await this.sh(`(${look}) 2>/dev/null; :`)).split('\n').filter(Boolean).map(Number)
  }

  async well(request: FileRequest, stdin?: string | Uint8Array): Promise<Buffer> {
    const { stdout, done } = await this.ask(request, stdin)
    if (Object.keys(done).length > 0) {
      throw new Error(`${JSON.stringify(request)}: ${JSON.stringify(done)}`)
    }
    return stdout
  }
}

/** A JSON line an entry. */
export function entriesOf(bytes: Buffer): Entry[] {
  const lines = bytes.toString().split('\n')
  return lines.filter(Boolean).map((line) => v.parse(Entry, JSON.parse(line)))
}
