import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { AgentConfig } from '../../src/agent/protocol.js'
import type { Container, ContainerExit } from '../../src/engine/engine.js'
import type { AgentName } from '../../src/languages/built-in.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { within } from './until.js'

// Not the shell's: a version manager keeps its programs in a home where nobody may not go.
const PATH = [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':')

/** In memory where there is such a place: 20,000 files take seconds on a disk. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A plain process in a container's place. What it started ends with it. */
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
    await within('the agent is gone', this.exited)
    // Not rmSync: a tree of a test's may be deeper than a path can be long.
    execFileSync('rm', ['-rf', this.workspace])
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
  return childrenOfPid(root).flatMap((pid) => [pid].concat(descendantsOf(pid)))
}

/** The processes that a process has made itself. */
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
