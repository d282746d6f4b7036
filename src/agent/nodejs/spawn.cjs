// Starts a child process with the rights of a program. Runs in the agent.

const childProcess = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const { takeReapedMs } = require('./proc.cjs')
const { takePipes } = require('./program-pipes.cjs')
const { programRights } = require('./rights.cjs')

/**
 * Starts a process. Its `pipes` are the agent's ends of its stdin, stdout and stderr; its `cpuMs`
 * is set when it has ended.
 */
function spawnProgram([name, ...args], { cwd, env, extraStdio = [] }) {
  const { ours, theirs } = takePipes()
  try {
    const stdio = [...theirs, ...extraStdio]
    const options = { cwd, env, stdio, detached: true, ...programRights }
    const child = asFirstOomVictim(() => childProcess.spawn(name, args, options))
    // This is the first listener: the time of each process is counted once, for that process.
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

/**
 * Starts a process that the kernel ends before the agent if memory is short: a child inherits the
 * score that the agent has during the start.
 */
function asFirstOomVictim(start) {
  setOomScore('1000')
  try {
    return start()
  } finally {
    setOomScore('0')
  }
}

function setOomScore(score) {
  try {
    fs.writeFileSync('/proc/self/oom_score_adj', score)
  } catch {
    // It may not be set here. The kernel ends the largest process, which is seldom the agent.
  }
}

module.exports = { spawnProgram }
