import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { AgentConfig } from '../../src/agent/protocol.js'
import type { Container, ContainerExit } from '../../src/engine/engine.js'
import type { AgentName } from '../../src/languages/built-in.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { within } from './until.js'

// Not the PATH of the shell, because the user nobody cannot read the home of a version manager.
const PATH = [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':')

/** A folder in memory, if there is one: 20,000 files take seconds on a disk. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** An agent as a plain process, in place of a container. Its child processes end with it. */
export class LocalContainer implements Container {
  readonly name = 'local'
  readonly workspace = mkdtempSync(path.join(memory, 'hono-sandbox-test-'))
  readonly stdin
  readonly stdout
  readonly pid: number
  readonly exited: Promise<ContainerExit>
  readonly #kill: () => void

  constructor(language: AgentName, config: AgentConfig) {
    chmodSync(this.workspace, 0o1777)
    const [program = '', ...args] = LANGUAGES[language].agent.command
    const argument = JSON.stringify({ workspace: this.workspace, ...config })
    const child = spawn(program, [...args, argument], { env: { PATH } })
    this.stdin = child.stdin
    this.stdout = child.stdout
    this.pid = child.pid ?? 0
    let stderr = ''
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    this.exited = new Promise((resolve) => {
      child.once('close', (code) => resolve({ exitCode: code ?? undefined, oom: false, stderr }))
    })
    this.#kill = () => {
      for (const pid of child.exitCode === null ? descendantsOf(this.pid) : []) kill(pid)
      child.kill('SIGKILL')
    }
  }

  async remove(): Promise<void> {
    await this.kill()
  }

  async kill(): Promise<void> {
    this.#kill()
    await within('the agent exits', this.exited)
    // Not rmSync: a test may make a tree that is deeper than the longest path.
    execFileSync('rm', ['-rf', this.workspace])
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // the process has already ended
  }
}

function descendantsOf(root: number): number[] {
  return childrenOfPid(root).flatMap((pid) => [pid].concat(descendantsOf(pid)))
}

/** Returns the child processes of a process. */
export function childrenOfPid(root: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => parentOf(pid) === root).map(Number)
}

function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
