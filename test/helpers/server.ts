import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { within } from './until.js'

/** A server in a process of its own. */
export class ServerProcess {
  readonly child: ChildProcess
  /** The lines of the output after the start-up. */
  readonly lines: string[] = []
  /** The lines of the start-up. The last one has the address. */
  startUp: readonly string[] = []
  url = ''

  constructor(
    command: string,
    args: readonly string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv },
  ) {
    this.child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, NODE_ENV: 'test', PORT: '0', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** Resolves with the start-up line, which has the address. */
  async started(): Promise<string> {
    const { stdout, stderr } = this.child
    if (!stdout || !stderr) throw new Error('the server has no output')
    createInterface({ input: stderr }).on('line', (line) => this.lines.push(line))
    const line = new Promise<string>((resolve, reject) => {
      createInterface({ input: stdout }).on('line', (text) => {
        this.lines.push(text)
        const found = /http:\/\/\S+:(\d+)/.exec(text)
        if (found) {
          this.startUp = this.lines.splice(0)
          this.url = `http://127.0.0.1:${found[1]}`
          resolve(text)
        }
      })
      this.child.once('exit', () =>
        reject(new Error(`the server exited: ${this.lines.join('\n')}`)),
      )
    })
    return within('the server listens', line, 60_000)
  }

  /** Sends the signal. Returns the exit code, or the signal that ended the process. */
  async end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | string | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode
    const exit = once(this.child, 'exit')
    this.child.kill(signal)
    const [code, killedBy] = await within('the server exits', exit, 60_000)
    return code ?? killedBy
  }
}
