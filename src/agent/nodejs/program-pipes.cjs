// The pipes for stdin, stdout and stderr of the next programs. Runs in the agent.

const childProcess = require('node:child_process')
const fs = require('node:fs')
const { takeReapedMs } = require('./proc.cjs')

const MKFIFO = { stdio: 'ignore', timeout: 2000, killSignal: 'SIGKILL' }
/** Pipes are made for several programs at once: `mkfifo` takes 4 ms of processor time. */
const SETS = 4

let sets = []

function preparePipes() {
  if (sets.length === 0) sets = makePipes()
}

/** Three pipes: the descriptors of the agent's ends, and the ends of the program. */
function takePipes() {
  preparePipes()
  return sets.pop()
}

/**
 * Makes named pipes and removes their names at once. Node's own `pipe` is a socket, and a program
 * cannot open a socket through /dev/stdout. An image without mkfifo gets sockets.
 *
 * Only the agent has access to the folder of the names: a program that could replace a pipe by a
 * file would end the agent. The pipes themselves are open to all, because programs open them
 * through /dev/stdout.
 */
function makePipes() {
  const fds = []
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants
  const open = (name, flags) => {
    const fd = fs.openSync(name, flags | O_NONBLOCK)
    fds.push(fd)
    return fd
  }
  let folder
  try {
    folder = fs.mkdtempSync('/tmp/.hono-sandbox-')
    const names = Array.from({ length: SETS }, (_, set) =>
      ['in', 'out', 'err'].map((stream) => `${folder}/${set}-${stream}`),
    )
    childProcess.execFileSync('mkfifo', ['-m', '666', ...names.flat()], MKFIFO)
    takeReapedMs() // no program is charged for mkfifo
    return names.map((set) => {
      // The reader is opened first: without a reader a writer cannot be opened. All ends are opened
      // as non-blocking; libuv makes the three of a child blocking.
      const readers = set.map((name) => open(name, O_RDONLY))
      const writers = set.map((name) => open(name, O_WRONLY))
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

module.exports = { preparePipes, takePipes }
