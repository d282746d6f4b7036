// A child with three pipes, and what moves the bytes in them

const MKFIFO = { stdio: 'ignore', timeout: 2000, killSignal: 'SIGKILL' }

/** The host ends a program at its deadline; we wait this long for it. */
const OVERDUE_MS = 2000
const LONGEST_TIMER_MS = 2 ** 31 - 1
const TICKS_MS = 40
const LAST_WORD = 64

/** For so many programs at once: a process is started for it, which takes 4 ms of processor. */
const SETS = 4

/**
 * Three pipes a program. Node's own `pipe` is a socket, on which a program cannot open /dev/stdout, so
 * these are named pipes, which are unlinked at once. An image without mkfifo gets the sockets.
 *
 * The folder of the names is the agent's alone: a program that could replace a pipe by a file would
 * end the agent. The pipes themselves are open to all, since programs open them through /dev/stdout.
 */
function openPipes() {
  const fds = []
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants
  const open = (name, flags) => {
    const fd = fs.openSync(name, flags | O_NONBLOCK)
    return fds[fds.push(fd) - 1]
  }
  let folder
  try {
    folder = fs.mkdtempSync('/tmp/.hono-sandbox-')
    const sets = Array.from({ length: SETS }, (_, set) =>
      ['in', 'out', 'err'].map((name) => `${folder}/${set}-${name}`),
    )
    childProcess.execFileSync('mkfifo', ['-m', '666', ...sets.flat()], MKFIFO)
    takeReapedMs()
    return sets.map((names) => {
      // A reader first: a writer finds none otherwise. A child's three do wait, libuv sees to it.
      const readers = names.map((name) => open(name, O_RDONLY))
      const writers = names.map((name) => open(name, O_WRONLY))
      return {
        ours: [writers[0], readers[1], readers[2]],
        theirs: [readers[0], writers[1], writers[2]],
      }
    })
  } catch {
    fds.forEach((fd) => fs.closeSync(fd))
    return [{ ours: [], theirs: ['pipe', 'pipe', 'pipe'] }]
  } finally {
    if (folder) fs.rmSync(folder, { recursive: true, force: true })
  }
}

function spawnProgram([name, ...args], { cwd, env, extra = [] }) {
  if (spareNow.pipes.length === 0) spareNow.pipes = openPipes()
  const { ours, theirs } = spareNow.pipes.pop()
  try {
    const stdio = [...theirs, ...extra]
    const options = { cwd, env, stdio, detached: true, ...asProgram }
    const child = asFirstVictim(() => childProcess.spawn(name, args, options))
    // First of its listeners: each process that ends is counted once, for itself.
    child.once('exit', () => (child.cpuMs = takeReapedMs()))
    const [stdin, stdout, stderr] = ours
    child.pipes = {
      stdin: child.stdin ?? new net.Socket({ fd: stdin, readable: false, writable: true }),
      stdout: child.stdout ?? new net.Socket({ fd: stdout, readable: true, writable: false }),
      stderr: child.stderr ?? new net.Socket({ fd: stderr, readable: true, writable: false }),
    }
    for (const pipe of Object.values(child.pipes)) pipe.on('error', () => {}).pause()
    return child
  } catch (error) {
    for (const fd of ours) fs.closeSync(fd)
    throw error
  } finally {
    for (const fd of theirs) if (fd !== 'pipe') fs.closeSync(fd)
  }
}

/** What a process of ours took before its code, measured once: it is about the same for all. */
let startMs

class Program {
  constructor(id, child) {
    this.id = id
    this.child = child
    this.exit = null
    this.isOverdue = false
    this.cpuBefore = child.records ? (startMs ??= cpuMsOf(child.pid)) : 0
    this.inlet = new Inlet(id, child.pipes.stdin)
    this.outlets = [
      new Outlet(id, STDOUT, child.pipes.stdout),
      new Outlet(id, STDERR, child.pipes.stderr),
    ]
    this.wasRefused = false
    if (!isCounted) this.outlets[STDERR - 1].look = (said) => (this.wasRefused ||= isRefusal(said))
    if (child.records) this.outlets.push(child.records.follow(id, ...this.outlets))
    child.once('exit', (code, signal) => this.exited(code, signal))
  }

  data(data) {
    this.inlet.data(data)
  }

  eof() {
    this.inlet.socket.end()
  }

  credit(channel, amount) {
    this.outlets[channel - 1]?.grant(amount)
    this.child.records?.pump() // it may have waited for just these bytes
    this.finish()
  }

  /** It is killed if the host has not ended it by then: the host may be gone. */
  limit(timeoutMs) {
    clearTimeout(this.deadline)
    if (timeoutMs === undefined || this.exit) return
    this.deadline = setTimeout(
      () => {
        this.isOverdue = true
        this.signal('SIGKILL')
      },
      Math.min(timeoutMs + OVERDUE_MS, LONGEST_TIMER_MS),
    )
  }

  signal(name) {
    if (this.exit === null && this.child.pid) killTree(this.child.pid, name)
  }

  exited(exitCode, signal, given = exitCode === 0 ? null : findCause()) {
    clearTimeout(this.deadline)
    const cause = this.isOverdue && signal ? 'timeout' : given
    this.exit = { exitCode, signal, cause, usage: { cpuMs: this.usedMs() } }
    this.inlet.socket.destroy()
    for (const outlet of this.outlets) outlet.last()
    if (this.wasRefused && exitCode !== 0) this.exit.cause ??= 'pids'
    this.finish()
  }

  /**
   * What a program of ours says is exact, but it does not know its children. The kernel's figure has
   * both, in steps of 10 ms for each of its four parts.
   */
  usedMs() {
    const reaped = Math.max(0, (this.child.cpuMs ?? 0) - this.cpuBefore)
    const told = this.child.records ? lastWordOf(this.child.stdio[4]) : NaN
    return Math.abs(reaped - told) <= TICKS_MS && told >= 0 ? told : reaped
  }

  /** It could not be started: what a shell would say, and a shell's exit code. */
  refuse(error, what) {
    this.outlets[STDERR - 1].queue.push(Buffer.from(`${what}: ${error.message}\n`))
    if (error.code === 'EAGAIN') this.exited(null, null, 'pids')
    else this.exited(error.code === 'ENOENT' ? 127 : 126, null)
  }

  finish() {
    if (this.exit && this.outlets.every((outlet) => outlet.over)) done(this.id, this.exit)
  }
}

/** The number that a process of ours has said at its end; NaN if it said none. */
function lastWordOf(socket) {
  try {
    return parseFloat(socket.read() ?? readNow(socket._handle.fd, LAST_WORD) ?? '')
  } catch {
    return NaN // it is closed
  }
}

/** The program's group and whatever descends from it, also in other sessions. */
function killTree(root, signal) {
  const parents = new Map()
  const groups = new Map()
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const fields = fs.readFileSync(`/proc/${name}/stat`, 'latin1').split(') ').at(-1).split(' ')
      parents.set(Number(name), Number(fields[1]))
      groups.set(Number(name), Number(fields[2]))
    } catch {
      continue
    }
  }
  const found = new Set([root])
  for (let size = 0; size < found.size;) {
    size = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  const others = [...found].filter((pid) => groups.get(pid) !== root) // each gets it once
  for (const target of [-root, ...others]) {
    try {
      process.kill(target, signal)
    } catch {
      continue
    }
  }
}

/** A pipe of the program on its way to the host, as far as the host's credit goes. */
class Outlet {
  /** Without an id there is no request that wants it now, and it waits for one. */
  constructor(id, channel, socket) {
    Object.assign(this, {
      id,
      channel,
      socket,
      budget: WINDOW,
      queue: [],
      taken: 0,
      sent: 0,
      over: false,
      ended: false,
    })
    socket.on('data', (data) => {
      this.take(data)
      this.pump()
    })
    socket.resume()
  }

  /** Called with what it takes. */
  look() {}

  take(data) {
    this.queue.push(data)
    this.taken += data.length
    this.look(data)
  }

  grant(amount) {
    this.budget += amount
    this.pump()
  }

  /** From now on it is another request's, which has given no credit yet, or nobody's. */
  lend(id) {
    Object.assign(this, { id, budget: WINDOW })
    this.pump()
  }

  pump() {
    while (this.id !== null && this.queue.length > 0 && this.budget > 0) {
      const data = this.queue[0].subarray(0, Math.min(CHUNK, this.budget))
      this.budget -= data.length
      this.sent += data.length
      sendData(this.id, this.channel, data)
      if (data.length === this.queue[0].length) this.queue.shift()
      else this.queue[0] = this.queue[0].subarray(data.length)
    }
    this.settle(this.id !== null && this.queue.length === 0)
  }

  /** Reads on, where it has sent all that it could get. */
  settle(isEmpty) {
    this.over = this.ended && (isEmpty || this.id === null)
    if (this.ended) return
    if (isEmpty) this.socket.resume()
    else this.socket.pause()
  }

  /** Takes what is in the pipe now; how much it has taken then, ever. */
  drain() {
    const fd = this.socket._handle?.fd ?? -1
    this.socket.pause()
    this.socket.read() // what it holds goes to its listener
    for (let size = 0; fd >= 0 && size < TAIL_LIMIT;) {
      const data = readNow(fd, CHUNK)
      if (!data?.length) break
      this.take(data)
      size += data.length
    }
    this.pump()
    return this.taken
  }

  /** The program is over: what is in the pipe now still counts, what a child adds does not. */
  last() {
    this.drain()
    this.socket.removeAllListeners('data')
    this.socket.destroy()
    this.ended = true
    this.pump()
  }
}

/** What the host sends to the program's stdin; credit goes back as the program reads. */
class Inlet {
  constructor(id, socket) {
    this.id = id
    this.socket = socket
  }

  data(data) {
    // Where nobody reads any more the write fails at once, and the host may go on.
    this.socket.write(
      Buffer.from(data),
      () => jobs.has(this.id) && sendCredit(this.id, data.length),
    )
  }
}
