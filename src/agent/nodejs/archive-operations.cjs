// The operations that an export and an import of the workspace make, each a generator as those of
// file-operations.cjs. None follows a link. Large files have requests of their own, and many small
// entries share one: a change of the user for each of them would take long. Runs in the agent.

const fs = require('node:fs')
const { writeAll } = require('./descriptors.cjs')
const { failure } = require('./failure.cjs')
const { contents } = require('./file-contents.cjs')
const { describe, openRegular } = require('./file-system.cjs')
const { inside, makeAndOpen, remove } = require('./inside.cjs')
const { encode } = require('./paths.cjs')
const { CHUNK } = require('./protocol.cjs')
const { asNobody } = require('./rights.cjs')

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants

const ARCHIVE_OPERATIONS = {
  *take({ path }) {
    const fd = openToRead(path)
    try {
      yield* contents(fd)
    } finally {
      fs.closeSync(fd)
    }
  },

  *pack({ paths }) {
    for (const path of paths) yield Buffer.from(`${JSON.stringify({ path, ...packed(path) })}\n`)
  },

  /** Gets the bytes from each `yield`, and nothing at the end. */
  *place(entry) {
    const fd = openToWrite(entry)
    try {
      for (let data = yield {}; data; data = yield) writeAll(fd, data)
      asNobody(() => setTime(fd, entry))
    } finally {
      fs.closeSync(fd)
    }
  },

  *unpack({ entries }) {
    for (const [index, entry] of entries.entries()) {
      const failed = attempt(() => PLACES[entry.type](entry))
      if (failed) return yield Buffer.from(`${JSON.stringify({ index, ...failed })}\n`)
      yield
    }
  },
}

const PLACES = {
  file(entry) {
    using(openToWrite(entry), (fd) => {
      writeAll(fd, Buffer.from(entry.content, 'base64'))
      setTime(fd, entry)
    })
  },

  directory(entry) {
    using(inside(entry.path, true, makeAndOpen), (fd) => {
      fs.fchmodSync(fd, entry.mode)
      setTime(fd, entry)
    })
  },

  symlink({ path, to }) {
    inside(path, true, (place) => {
      remove(place)
      fs.symlinkSync(encode(to), place)
    })
  },

  link({ path, to }) {
    inside(to, false, (file) => {
      if (!fs.lstatSync(file).isFile()) throw failure('EINVAL', 'not a regular file')
      inside(path, true, (place) => {
        remove(place)
        fs.linkSync(file, place)
      })
    })
  },
}

function packed(path) {
  let found
  const failed = attempt(() =>
    using(openToRead(path), (fd) => {
      const chunk = Buffer.allocUnsafe(CHUNK)
      const content = chunk.toString('base64', 0, fs.readSync(fd, chunk))
      found = { ...describe(fs.fstatSync(fd)), content }
    }),
  )
  return failed ?? found
}

/** Runs an action. Returns the error if it fails. */
function attempt(action) {
  try {
    action()
  } catch ({ code, message }) {
    return { code: code ?? 'EINVAL', message }
  }
}

function using(fd, action) {
  try {
    action(fd)
  } finally {
    fs.closeSync(fd)
  }
}

const openToRead = (path) =>
  inside(path, false, (place) => openRegular(place, O_RDONLY | O_NOFOLLOW))

function openToWrite({ path, mode }) {
  return inside(path, true, (place) => {
    remove(place)
    const fd = openRegular(place, O_WRONLY | O_CREAT | O_EXCL)
    fs.fchmodSync(fd, mode)
    return fd
  })
}

function setTime(fd, { mtimeMs }) {
  if (mtimeMs !== undefined) fs.futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000)
}

module.exports = { ARCHIVE_OPERATIONS }
