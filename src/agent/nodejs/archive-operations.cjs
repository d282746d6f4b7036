// The operations that an export and an import of the workspace make, each a generator as those of
// file-operations.cjs. None follows a link. Runs in the agent.

const fs = require('node:fs')
const { writeAll } = require('./descriptors.cjs')
const { failure } = require('./failure.cjs')
const { contents } = require('./file-contents.cjs')
const { openRegular } = require('./file-system.cjs')
const { inside, makeAndOpen, remove } = require('./inside.cjs')
const { encode } = require('./paths.cjs')
const { asNobody } = require('./rights.cjs')

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants

const ARCHIVE_OPERATIONS = {
  *take({ path }) {
    const fd = inside(path, false, (entry) => openRegular(entry, O_RDONLY | O_NOFOLLOW))
    try {
      yield* contents(fd)
    } finally {
      fs.closeSync(fd)
    }
  },

  /** Gets the bytes from each `yield`, and nothing at the end. */
  *place({ path, mode, mtimeMs }) {
    const fd = inside(path, true, (entry) => {
      remove(entry)
      return openRegular(entry, O_WRONLY | O_CREAT | O_EXCL)
    })
    try {
      fs.fchmodSync(fd, mode)
      for (let data = yield {}; data; data = yield) writeAll(fd, data)
      asNobody(() => setTime(fd, mtimeMs))
    } finally {
      fs.closeSync(fd)
    }
  },

  *folder({ path, mode, mtimeMs }) {
    const fd = inside(path, true, makeAndOpen)
    try {
      fs.fchmodSync(fd, mode)
      yield setTime(fd, mtimeMs)
    } finally {
      fs.closeSync(fd)
    }
  },

  *symlink({ path, to }) {
    yield inside(path, true, (entry) => {
      remove(entry)
      fs.symlinkSync(encode(to), entry)
    })
  },

  *link({ path, to }) {
    yield inside(to, false, (file) => {
      if (!fs.lstatSync(file).isFile()) throw failure('EINVAL', 'not a regular file')
      inside(path, true, (entry) => {
        remove(entry)
        fs.linkSync(file, entry)
      })
    })
  },
}

function setTime(fd, mtimeMs) {
  if (mtimeMs !== undefined) fs.futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000)
}

module.exports = { ARCHIVE_OPERATIONS }
