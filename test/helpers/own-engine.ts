import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import Docker from 'dockerode'
import { until, within } from './until.js'

/** The shared engine of the machine, which has the images. No test harms it. */
const shared = new Docker()

const PROGRAMS = ['dockerd', 'containerd', 'mount', 'setpriv', 'unshare']

/** Whether this machine can run an engine for one test: it needs root, and Docker on Linux. */
export const canOwnEngine = process.getuid?.() === 0 && PROGRAMS.every((name) => isOnPath(name))

const DISK_BYTES = 2 * 1024 ** 3

interface OwnEngineOptions {
  /** Images of the shared engine that this one gets, too. */
  images: readonly string[]
  /** The size of its disk. While an image is loaded, the disk has two copies. */
  diskBytes?: number
}

/**
 * A Docker engine with all of its files in a folder of its own, so that a test can kill it. It runs as
 * systemd runs Docker: containerd and dockerd are two services, without `live-restore`. If dockerd is
 * killed, containerd and the containers remain, and the next dockerd ends those containers.
 */
export class OwnEngine {
  readonly docker: Docker
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-engine-'))
  readonly #cgroup = path.basename(this.#folder)
  #containerd: ChildProcess | undefined
  #dockerd: ChildProcess | undefined
  readonly #killAll = () => {
    this.#dockerd?.kill('SIGKILL')
    this.#containerd?.kill('SIGKILL')
    for (const pid of this.#processes()) kill(pid)
  }

  private constructor() {
    this.docker = new Docker({ socketPath: this.socket, host: undefined, protocol: 'http' })
  }

  /** Starts an engine. Close it, even if the test fails. */
  static async start({ images, diskBytes = DISK_BYTES }: OwnEngineOptions): Promise<OwnEngine> {
    const engine = new OwnEngine()
    process.once('exit', engine.#killAll)
    try {
      mkdirSync(engine.disk)
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', engine.disk])
      await engine.#startContainerd()
      await engine.startDockerd()
      for (const image of images) await engine.#load(image)
      return engine
    } catch (error) {
      await engine.close()
      throw error
    }
  }

  get socket(): string {
    return this.#in('docker.sock')
  }

  /** The value for `DOCKER_HOST`. */
  get address(): string {
    return `unix://${this.socket}`
  }

  /** The folder of all data, in memory, because images are loaded faster there. */
  get disk(): string {
    return this.#in('disk')
  }

  /** Starts dockerd, and waits until it answers. */
  async startDockerd(): Promise<void> {
    const dockerd = this.#spawn('dockerd', ['--config-file', this.#in('daemon.json')])
    this.#dockerd = dockerd
    await until('dockerd answers', async () => {
      if (dockerd.exitCode !== null) throw new Error(`dockerd exited:\n${this.#logOf('dockerd')}`)
      return this.containers().then(
        () => true,
        () => false,
      )
    })
  }

  /** Ends dockerd as a crash does. containerd, its shims and the containers remain. */
  async killDockerd(): Promise<void> {
    const { exitCode, signalCode } = this.#dockerd ?? {}
    if (!this.#dockerd || exitCode !== null || signalCode !== null) return
    const exit = once(this.#dockerd, 'exit')
    this.#dockerd.kill('SIGKILL')
    await exit
  }

  /** Stops all threads of dockerd, so that nothing answers, until `thaw` is called. */
  freezeDockerd(): { thaw: () => void } {
    this.#dockerd?.kill('SIGSTOP')
    return { thaw: () => void this.#dockerd?.kill('SIGCONT') }
  }

  /** Returns the process ids of the shims, by the id of their container. */
  shims(): Map<string, number> {
    const shims = new Map<string, number>()
    for (const { pid, args } of allProcesses()) {
      const isOurs = args.includes(this.#in('containerd.sock'))
      const id = args[args.indexOf('-id') + 1]
      if (isOurs && args[0]?.includes('containerd-shim') && id) shims.set(id, pid)
    }
    return shims
  }

  /** Returns the names of all containers, in any state. */
  async containers(): Promise<string[]> {
    const abortSignal = AbortSignal.timeout(15_000)
    const found = await this.docker.listContainers({ all: true, abortSignal })
    return found.flatMap(({ Names }) => Names.map((name) => name.slice(1)))
  }

  /** Ends every process of the engine, unmounts its file systems and deletes its folder. */
  async close(): Promise<void> {
    this.#dockerd?.kill('SIGCONT')
    const left = await this.containers().catch(() => [])
    const removals = left.map((name) => this.docker.getContainer(name).remove({ force: true }))
    await within('the containers are removed', Promise.allSettled(removals), 20_000).catch(() => {})
    this.#killAll()
    process.off('exit', this.#killAll)
    await until('its processes have ended', () => this.#processes().length === 0)
    for (const folder of this.#cgroups()) removeCgroup(folder)
    for (const mount of mountsBelow(this.#folder)) execFileSync('umount', ['-l', mount])
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #in(name: string): string {
    return path.join(this.#folder, name)
  }

  async #startContainerd(): Promise<void> {
    const config = `version = 2
root = "${this.#in('disk/containerd')}"
state = "${this.#in('containerd')}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "${this.#in('containerd.sock')}"
`
    writeFileSync(this.#in('containerd.toml'), config)
    const { Runtimes } = await shared.info()
    const daemon = {
      hosts: [this.address],
      containerd: this.#in('containerd.sock'),
      'data-root': this.#in('disk/docker'),
      'exec-root': this.#in('exec'),
      pidfile: this.#in('docker.pid'),
      'exec-opts': ['native.cgroupdriver=cgroupfs'],
      'cgroup-parent': `/${this.#cgroup}`,
      bridge: 'none',
      iptables: false,
      'live-restore': false,
      // gVisor with the arguments that the shared engine has.
      runtimes: Runtimes.runsc ? { runsc: Runtimes.runsc } : {},
    }
    writeFileSync(this.#in('daemon.json'), JSON.stringify(daemon))
    this.#containerd = this.#spawn('containerd', ['--config', this.#in('containerd.toml')])
    await until('containerd listens', () => existsSync(this.#in('containerd.sock')))
  }

  /** Spawns a daemon that does not outlive this process, however this process ends. */
  #spawn(name: string, args: readonly string[]): ChildProcess {
    const log = openSync(this.#in(`${name}.log`), 'a')
    try {
      // In a network of its own: a dockerd without a bridge deletes the interface docker0 when it starts,
      // also that of the shared engine.
      const command = ['--pdeathsig', 'KILL', 'unshare', '--net', name, ...args]
      return spawn('setpriv', command, { stdio: ['ignore', log, log], detached: true })
    } finally {
      closeSync(log)
    }
  }

  #logOf(name: string): string {
    return readFileSync(this.#in(`${name}.log`), 'utf8').slice(-4000)
  }

  async #load(image: string): Promise<void> {
    const tar = await shared.getImage(image).get()
    const answer = await this.docker.loadImage(tar)
    await once(answer.resume(), 'end')
    await this.docker.getImage(image).inspect()
  }

  /** The processes of the engine and of its containers. */
  #processes(): number[] {
    const inCgroups = this.#cgroups().flatMap((folder) => processesIn(folder))
    const named = allProcesses().filter(({ args }) =>
      args.some((arg) => arg.includes(this.#folder)),
    )
    return [...inCgroups, ...named.map(({ pid }) => pid)].filter((pid) => pid !== process.pid)
  }

  /** The folders of the containers' cgroups: one for each controller, or one for all. */
  #cgroups(): string[] {
    const root = '/sys/fs/cgroup'
    return ['', ...readdirSync(root)]
      .map((controller) => path.join(root, controller, this.#cgroup))
      .filter((folder) => existsSync(folder))
  }
}

function isOnPath(name: string): boolean {
  const folders = process.env.PATH?.split(':') ?? []
  return folders.some((folder) => existsSync(path.join(folder, name)))
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended in the meantime.
  }
}

/** The processes of the machine with their arguments. A zombie has no arguments. */
function allProcesses(): { pid: number; args: string[] }[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .map((pid) => ({ pid, args: readOrEmpty(`/proc/${pid}/cmdline`).split('\0') }))
}

function processesIn(cgroup: string): number[] {
  const own = readOrEmpty(path.join(cgroup, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
  return [...own, ...foldersIn(cgroup).flatMap((folder) => processesIn(folder))]
}

function removeCgroup(cgroup: string): void {
  for (const folder of foldersIn(cgroup)) removeCgroup(folder)
  rmdirSync(cgroup)
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name))
}

/** Returns the mount points in a folder, the innermost first. */
function mountsBelow(folder: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const points = lines.map((line) => line.split(' ')[4] ?? '')
  return points.filter((point) => point.startsWith(`${folder}/`)).toReversed()
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
