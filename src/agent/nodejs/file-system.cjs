// The steps of file operations: system calls with the paths of the host, and their expected errors.
// Runs in the agent.

const fs = require('node:fs')
const { failure } = require('./failure.cjs')
const { decode, encode } = require('./paths.cjs')

const NEW_FILE = 0o644
const PERMISSIONS = 0o7777
const PROC_DEVICE = fs.statSync('/proc').dev
/** What /proc tells about a process. `/proc/net` is a link to that of a process. */
const OF_PROCESS = /^\/proc\/\d+(?:\/(?!net(?:\/|$))|$)/
const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = fs.constants
const TYPES = { [S_IFREG]: 'file', [S_IFDIR]: 'directory', [S_IFLNK]: 'symlink' }

/** Runs an action. Returns the code of its error if it is one of the expected codes. */
function codeOf(action, ...expected) {
  try {
    action()
  } catch (error) {
    if (!expected.includes(error.code)) throw error
    return error.code
  }
}

const rename = (from, to) => fs.renameSync(encode(from), encode(to))
const makeFolder = (path, ...expected) => codeOf(() => fs.mkdirSync(encode(path)), ...expected)
const removeFolder = (path, ...expected) => codeOf(() => fs.rmdirSync(encode(path)), ...expected)
const unlink = (path, ...expected) => codeOf(() => fs.unlinkSync(encode(path)), ...expected)
const isFolder = (path) =>
  fs.statSync(encode(path), { throwIfNoEntry: false })?.isDirectory() ?? false

/**
 * The entry at a path, not the target of a link; `undefined` if it is gone or has an expected
 * error.
 */
function statOf(path, ...expected) {
  let stat
  codeOf(() => (stat = fs.lstatSync(encode(path), { throwIfNoEntry: false })), ...expected)
  return stat
}

/**
 * Opens a regular file, by an encoded path. Does not wait for the other end of a FIFO, and takes no
 * terminal.
 */
function openRegular(path, flags) {
  const { O_NONBLOCK, O_NOCTTY } = fs.constants
  const fd = fs.openSync(path, flags | O_NONBLOCK | O_NOCTTY, NEW_FILE)
  try {
    const stat = fs.fstatSync(fd)
    checkRegular(stat)
    checkPlace(fd, stat)
    return fd
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/**
 * Refuses what /proc tells about a process: a link of a program could lead to the agent's own. The
 * kernel tells the place of the open file, so it does not matter by which path it was opened.
 */
function checkPlace(fd, { dev }) {
  if (dev !== PROC_DEVICE || !OF_PROCESS.test(fs.readlinkSync(`/proc/self/fd/${fd}`))) return
  throw failure('EACCES', 'permission denied')
}

function checkRegular(stat) {
  if (stat.isDirectory()) throw failure('EISDIR', 'illegal operation on a directory')
  if (!stat.isFile()) throw failure('EINVAL', 'not a regular file')
}

/** The permissions of a file that replaces another: those of the other, but not of a link. */
function permissionsToKeep(path) {
  const stat = statOf(path)
  if (!stat && path.endsWith('/')) throw failure('EISDIR', 'illegal operation on a directory')
  if (!stat || stat.isSymbolicLink()) return NEW_FILE
  checkRegular(stat)
  return stat.mode & PERMISSIONS
}

/** The names in a folder. There are none if it cannot be opened with an expected error. */
function* namesIn(folder, ...expected) {
  let entries
  const open = () => (entries = openEntries(encode(folder)))
  if (codeOf(open, ...expected)) return
  try {
    for (let next = entries.readSync(); next; next = entries.readSync()) yield decode(next.name)
  } finally {
    entries.closeSync()
  }
}

/** Opens the entries of a folder by its descriptor, whose place is known. */
function openEntries(path) {
  const { O_DIRECTORY, O_NONBLOCK } = fs.constants
  const fd = fs.openSync(path, O_DIRECTORY | O_NONBLOCK)
  try {
    checkPlace(fd, fs.fstatSync(fd))
    return fs.opendirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })
  } finally {
    fs.closeSync(fd)
  }
}

const describe = ({ size, mtimeMs, mode }) => ({ size, mtimeMs, mode: mode & PERMISSIONS })

/** The target of a link; `undefined` for other entries, and if the link is gone meanwhile. */
function targetOf(path, stat) {
  if (!stat.isSymbolicLink()) return undefined
  try {
    return decode(fs.readlinkSync(encode(path), 'buffer'))
  } catch {
    return undefined
  }
}

/** The line of an entry, as `list` and `stat` send it. */
function entryLine(path, stat, target) {
  const type = TYPES[stat.mode & S_IFMT] ?? 'other'
  return `${JSON.stringify({ path, type, ...describe(stat), target })}\n`
}

module.exports = {
  PERMISSIONS,
  describe,
  entryLine,
  isFolder,
  makeFolder,
  namesIn,
  openRegular,
  permissionsToKeep,
  removeFolder,
  rename,
  statOf,
  targetOf,
  unlink,
}
