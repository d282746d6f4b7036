// Reaches the entries of the workspace without following a link. Runs in the agent.
//
// An archive names its entries, and a program could put links in their way at any moment. Therefore
// each folder on the way is opened from the one above it. Node has no `openat`, but the path of an
// open descriptor in `/proc` leads to the folder itself.

const fs = require('node:fs')
const { workspace } = require('./config.cjs')
const { failure } = require('./failure.cjs')
const { encode } = require('./paths.cjs')

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = fs.constants
const NEW_FOLDER = 0o755

const within = (folder, name) => encode(`/proc/self/fd/${folder}/${name}`)

/**
 * Opens a folder that is no link. It is opened without O_DIRECTORY, because gVisor follows a link
 * then in spite of O_NOFOLLOW.
 */
function openFolder(path) {
  const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
  if (fs.fstatSync(fd).isDirectory()) return fd
  fs.closeSync(fd)
  throw failure('ENOTDIR', 'not a directory')
}

/**
 * Calls `action` with the path of an entry, for one system call that does not follow a link itself.
 * With `makes`, folders that are missing on the way are created.
 */
function inside(path, makes, action) {
  const names = path.split('/')
  if (names.some((name) => ['', '.', '..'].includes(name))) throw failure('EINVAL', 'not an entry')
  let folder = fs.openSync(workspace)
  try {
    for (const name of names.slice(0, -1)) {
      const inner = enter(within(folder, name), makes)
      fs.closeSync(folder)
      folder = inner
    }
    return action(within(folder, names.at(-1)))
  } finally {
    fs.closeSync(folder)
  }
}

function enter(path, makes) {
  try {
    return openFolder(path)
  } catch (error) {
    if (!makes || error.code !== 'ENOENT') throw error
    fs.mkdirSync(path, NEW_FOLDER)
    return openFolder(path)
  }
}

/** Makes place for a new entry. It fails for a folder. */
function remove(path) {
  try {
    fs.unlinkSync(path)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}

/** Creates and opens a folder, also in the place of a link. The folder may exist. */
function makeAndOpen(path) {
  try {
    fs.mkdirSync(path)
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    const stat = fs.lstatSync(path)
    if (stat.isSymbolicLink()) {
      remove(path)
      fs.mkdirSync(path)
    } else if (!stat.isDirectory()) throw error
  }
  return openFolder(path)
}

module.exports = { inside, makeAndOpen, remove }
