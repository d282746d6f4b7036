// The operations of file requests. Runs in the agent.
//
// Each operation is a generator, which a request runs step by step with the rights of the programs.
// An object that it yields is sent as `started`, and bytes on stream 1. After every `yield`, with
// or without a value, other requests may go on.

const fs = require('node:fs')
const { ARCHIVE_OPERATIONS } = require('./archive-operations.cjs')
const { writeAll } = require('./descriptors.cjs')
const { failure } = require('./failure.cjs')
const { contents } = require('./file-contents.cjs')
const {
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
} = require('./file-system.cjs')
const { absolutePath, encode, siblingPath, unusedName } = require('./paths.cjs')
const { CHUNK } = require('./protocol.cjs')
const { asNobody } = require('./rights.cjs')

/**
 * Why a folder under the listed one may be left out: no access, gone, deeper than a path reaches.
 */
const OUT_OF_REACH = ['EACCES', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG']

const FILE_OPERATIONS = {
  *read({ path, offset, length }) {
    const fd = openRegular(encode(absolutePath(path)), fs.constants.O_RDONLY)
    try {
      yield* contents(fd, offset, length)
    } finally {
      fs.closeSync(fd)
    }
  },

  /** Gets the bytes from each `yield`, and nothing at the end. */
  *write({ path, atomic, mode }) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants
    const target = absolutePath(path)
    const file = atomic ? siblingPath(target) : target
    const kept = atomic ? permissionsToKeep(target) : undefined
    const permissions = mode ?? kept
    const fd = openRegular(encode(file), O_WRONLY | O_CREAT | (atomic ? O_EXCL | O_NOFOLLOW : 0))
    let isUnfinished = atomic
    try {
      try {
        if (permissions !== undefined) fs.fchmodSync(fd, permissions)
        fs.ftruncateSync(fd)
        for (let data = yield {}; data; data = yield) writeAll(fd, data)
      } finally {
        fs.closeSync(fd) // a file system may report only here that it is full
      }
      if (atomic) asNobody(() => rename(file, target))
      isUnfinished = false
    } finally {
      if (isUnfinished) asNobody(() => unlink(file, 'ENOENT'))
    }
  },

  *list({ path, recursive }) {
    const top = `${absolutePath(path)}/`
    const folders = ['']
    let lines = ''
    while (folders.length > 0) {
      const folder = folders.pop()
      const expected = folder === '' ? [] : OUT_OF_REACH
      for (const name of namesIn(top + folder, ...expected)) {
        const stat = statOf(top + folder + name, ...expected)
        if (recursive && stat?.isDirectory()) folders.push(`${folder}${name}/`)
        if (stat) lines += entryLine(folder + name, stat, targetOf(top + folder + name, stat))
        const isLong = lines.length >= CHUNK
        yield isLong ? Buffer.from(lines) : undefined
        if (isLong) lines = ''
      }
      yield
    }
    yield Buffer.from(lines)
  },

  *stat({ path }) {
    yield Buffer.from(entryLine(path, fs.statSync(encode(absolutePath(path)))))
  },

  *mkdir({ path, recursive }) {
    const target = absolutePath(path)
    if (!recursive) return makeFolder(target)
    if (isFolder(target)) return
    for (const { index } of target.matchAll(/[^/](?=\/|$)/g)) {
      const folder = target.slice(0, index + 1)
      if (!isFolder(folder)) makeFolder(folder, 'EEXIST')
      yield
    }
    if (!isFolder(target)) throw failure('EEXIST', 'file already exists')
  },

  *move({ path, to }) {
    yield rename(absolutePath(path), absolutePath(to))
  },

  /**
   * Keeps no more than the folders on the way down: a folder is read again when the folders in it
   * are deleted.
   */
  *delete({ path, recursive }) {
    const top = absolutePath(path).replace(/(?<=.)\/+$/, '') // with a slash a link would be followed
    if (!recursive) return unlink(top)
    const folders = unlink(top, 'EISDIR') ? [top] : []
    while (folders.length > 0) {
      const folder = folders.at(-1)
      const depth = folders.length
      let isTooDeep = false
      for (const name of namesIn(folder, 'ENOENT')) {
        const code = unlink(`${folder}/${name}`, 'EISDIR', 'ENOENT', 'ENAMETOOLONG')
        if (code === 'EISDIR') folders.push(`${folder}/${name}`)
        isTooDeep ||= code === 'ENAMETOOLONG'
        yield
      }
      if (isTooDeep) folders.splice(depth - 1, Infinity, moveNearer(folder, top))
      else if (folders.length === depth) removeFolder(folders.pop(), 'ENOENT')
      yield
    }
  },

  ...ARCHIVE_OPERATIONS,
}

/** Moves a folder to the top, because no path reaches its entries. */
function moveNearer(folder, top) {
  const nearer = `${top}/${unusedName()}`
  rename(folder, nearer)
  return nearer
}

module.exports = { FILE_OPERATIONS }
