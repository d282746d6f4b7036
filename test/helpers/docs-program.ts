import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { until } from './until.js'

/** The exit code or signal of a program, and its output. */
export interface ProgramExit {
  exitCode: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** A program of the docs in a process of its own. */
export class DocsProgram {
  readonly ended: Promise<ProgramExit>
  readonly #child: ChildProcess
  #stderr = ''

  constructor(file: string, env: Readonly<Record<string, string>> = {}) {
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
    const child = spawn(process.execPath, [file], { env: { ...process.env, ...env }, stdio })
    this.#child = child
    let stdout = ''
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
    child.stderr.on('data', (text: Buffer) => (this.#stderr += text.toString()))
    this.ended = new Promise((resolve) => {
      child.once('close', (exitCode, signal) => {
        resolve({ exitCode, signal, stdout, stderr: this.#stderr })
      })
    })
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Waits until the program accepts connections on the port. */
  async serving(port: number): Promise<void> {
    await until(`port ${port} answers`, async () => {
      if (this.isOver) throw new Error(`the program ended before it served: ${this.#stderr}`)
      return accepts(port)
    })
  }

  end(signal: NodeJS.Signals): Promise<ProgramExit> {
    this.#child.kill(signal)
    return this.ended
  }
}

/** Writes a copy of the program with another port than 3000, and returns the path of the copy. */
export function withPort(file: string, port: number): string {
  const text = readFileSync(file, 'utf8')
  const changed = text.replaceAll(/(port: |localhost:)3000\b/g, `$1${port}`)
  if (changed === text) throw new Error(`${file} does not use port 3000`)
  const copy = file.replace(/\.js$/, `-${port}.js`)
  writeFileSync(copy, changed)
  return copy
}

/**
 * Returns a port that is free at the moment. The kernel gives it to no other server or connection,
 * because its own choices begin at 32768.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const server = createServer().listen(port)
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.close()
    if (isFree) return port
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost', () => settle(true)).on('error', () => settle(false))
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
  })
}
