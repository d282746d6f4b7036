// Measures a sandbox from the inside, with the rights of a program. Prints one line of JSON.
// Each step is a process of its own: a step that exceeds a limit can end without an answer. Only the step
// `reach` sends something, to the addresses that it is given. `probe.py` is the same program for images
// with Python.
'use strict'
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { spawn, spawnSync } = require('node:child_process')

const WALK_MS = 6000
const LONGEST_LIST = 100
const SETUID_OR_SETGID = 0o6000

function look(openFiles, revealing) {
  const mounts = textOf('/proc/self/mountinfo')
  const points = mounts.split('\n').flatMap((line) => line.split(' ')[4] ?? [])
  return {
    status: textOf('/proc/self/status'),
    agentStatus: textOf('/proc/1/status'),
    mounts,
    devices: textOf('/proc/net/dev'),
    routes: textOf('/proc/net/route'),
    routes6: textOf('/proc/net/ipv6_route'),
    version: textOf('/proc/version'),
    variables: { ...process.env },
    writable: points.filter((point) => succeeds(() => fs.accessSync(point, fs.constants.W_OK))),
    sizes: Object.fromEntries(points.map((point) => [point, sizeOf(point)])),
    unmasked: revealing.filter(isUnmasked),
    openFiles: openUntilRefused(openFiles),
    userNamespace: makesUserNamespace(),
    ...walk(),
  }
}

function succeeds(action) {
  try {
    action()
    return true
  } catch {
    return false
  }
}

function textOf(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function sizeOf(file) {
  try {
    const { blocks, bsize } = fs.statfsSync(file)
    return blocks * bsize
  } catch {
    return 0
  }
}

/** A masked folder is empty, and a masked file is the null device. */
function isUnmasked(file) {
  try {
    const found = fs.statSync(file)
    if (found.isDirectory()) return fs.readdirSync(file).length > 0
    return !found.isCharacterDevice()
  } catch {
    return false
  }
}

function openUntilRefused(limit) {
  const files = []
  try {
    while (files.length < limit + 10) files.push(fs.openSync('/dev/null', 'r'))
    return { count: files.length, refused: false }
  } catch (error) {
    return { count: files.length, refused: error.code === 'EMFILE' }
  } finally {
    for (const file of files) fs.closeSync(file)
  }
}

function makesUserNamespace() {
  const { error, status } = spawnSync('unshare', ['-U', 'true'], { timeout: 5000 })
  return error ? null : status === 0
}

/** Finds setuid files, and sockets that the container did not make. Node cannot read capabilities of files. */
function walk() {
  const setuid = []
  const sockets = []
  const folders = ['/']
  const deadline = Date.now() + WALK_MS
  let walked = true
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (['/proc', '/sys', '/dev'].includes(folder)) continue
    if (Date.now() > deadline) {
      walked = false
      break
    }
    let entries = []
    try {
      entries = fs.readdirSync(folder, { withFileTypes: true })
    } catch {
      continue
    }
    for (const entry of entries) {
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) folders.push(file)
      // A mounted socket has the type of the file below it in the entry.
      const found = entry.isDirectory() ? undefined : statOf(file)
      if (found?.isSocket()) sockets.push(file)
      if (found?.isFile() && (found.mode & SETUID_OR_SETGID) !== 0) setuid.push(file)
    }
  }
  const first = (files) => files.slice(0, LONGEST_LIST)
  return { setuid: first(setuid), sockets: first(sockets), capable: [], walked }
}

function statOf(file) {
  try {
    return fs.lstatSync(file)
  } catch {
    return undefined
  }
}

/** Writes until the file system is full. Deletes what it wrote. */
function fill(folder, limit) {
  const name = path.join(folder, '.hono-sandbox-doctor')
  const block = Buffer.alloc(256 * 1024)
  let count = 0
  try {
    const file = fs.openSync(name, 'w')
    while (count < limit) count += fs.writeSync(file, block)
    return { count, refused: false }
  } catch (error) {
    return { count, refused: ['ENOSPC', 'EDQUOT'].includes(error.code) }
  } finally {
    fs.rmSync(name, { force: true })
  }
}

/** Starts processes until one is refused. Ends them. */
function pids(limit) {
  const children = []
  let refused = false
  while (children.length < limit && !refused) {
    // spawn() itself throws or emits an event, depending on the error. `pid` is missing in both cases.
    const child = spawn('sleep', ['30'], { stdio: 'ignore', env: { PATH: process.env.PATH } })
    child.on('error', () => {})
    refused = child.pid === undefined
    if (!refused) children.push(child)
  }
  for (const child of children) child.kill('SIGKILL')
  return { count: children.length, refused }
}

/** Uses memory up to the limit. The answer exists only if nothing stops it. */
function memory(limit) {
  const step = 4 * 1024 * 1024
  const held = []
  while (held.length * step < limit) held.push(Buffer.alloc(step, 1))
  return { count: held.length * step, refused: false }
}

async function address() {
  const { lookup } = require('node:dns/promises')
  return lookup(os.hostname(), 4).catch(() => ({ address: '' }))
}

/** Waits for a connection. */
function listen(port, seconds) {
  return new Promise((resolve) => {
    const server = net.createServer()
    const end = (arrived) => {
      clearTimeout(late)
      server.close()
      resolve({ arrived })
    }
    const late = setTimeout(() => end(false), seconds * 1000)
    server.on('connection', (socket) => {
      socket.destroy()
      end(true)
    })
    server.listen(port, '0.0.0.0')
  })
}

/** Tries to connect until it works, or the time is over. Tells the last error. */
async function reach(host, port, seconds) {
  const end = performance.now() + seconds * 1000
  let error = 'ETIMEDOUT'
  while (error !== '' && end > performance.now()) {
    error = await connect(host, port, end - performance.now())
    if (error !== '') await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { error }
}

/** Resolves with the code of the error, '' if there is none. */
function connect(host, port, timeoutMs) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: timeoutMs })
    const end = (error) => {
      socket.destroy()
      resolve(error)
    }
    socket.on('connect', () => end(''))
    socket.on('timeout', () => end('ETIMEDOUT'))
    socket.on('error', ({ code }) => end(code ?? 'unknown'))
  })
}

async function main() {
  const STEPS = { address, listen, reach, look, fill, pids, memory }
  const [, step, input] = process.argv
  console.log(JSON.stringify(await STEPS[step](...JSON.parse(input))))
}

void main()
