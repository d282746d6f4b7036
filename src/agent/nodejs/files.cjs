// Files, with nobody's rights

/** Bytes of a file, or of a listing, on their way to the host. */
class Reading {
  constructor(id, read, close) {
    Object.assign(this, { id, read, close, budget: WINDOW })
  }

  credit(_channel, amount) {
    this.budget += amount
    this.pump()
  }

  pump() {
    while (this.budget > 0) {
      const data = this.read(Math.min(CHUNK, this.budget))
      if (data.length === 0) return this.signal()
      this.budget -= data.length
      sendData(this.id, STDOUT, data)
    }
  }

  data() {}

  eof() {}

  signal() {
    this.close()
    done(this.id, {})
  }
}

/** Bytes of the host on their way to a file. */
class Writing {
  constructor(id, fd) {
    this.id = id
    this.fd = fd
  }

  data(data) {
    writeAll(this.fd, data)
    sendCredit(this.id, data.length)
  }

  close() {
    fs.closeSync(this.fd)
  }

  eof() {
    this.close()
    done(this.id, {})
  }

  credit() {}

  signal() {
    this.eof()
  }
}

const at = (name) => path.resolve(WORKSPACE, name)

function openRegular(name, flags) {
  const { O_NONBLOCK } = fs.constants
  const fd = asNobody(() => fs.openSync(at(name), flags | O_NONBLOCK, 0o644))
  const stat = fs.fstatSync(fd)
  if (stat.isFile()) return fd
  fs.closeSync(fd)
  if (stat.isDirectory()) throw failure('EISDIR', 'Is a directory')
  throw failure('EINVAL', 'not a regular file')
}

function failure(code, message) {
  return Object.assign(new Error(message), { code })
}

function readingFile(id, name) {
  const fd = openRegular(name, fs.constants.O_RDONLY)
  return new Reading(
    id,
    (size) => readNow(fd, size),
    () => fs.closeSync(fd),
  )
}

function readingListing(id, name) {
  const folder = at(name)
  const lines = asNobody(() => fs.readdirSync(folder).flatMap((each) => entryLine(folder, each)))
  let rest = Buffer.from(lines.sort().join('\n'))
  return new Reading(
    id,
    (size) => {
      const part = rest.subarray(0, size)
      rest = rest.subarray(size)
      return part
    },
    () => {},
  )
}

function entryLine(folder, name) {
  const stat = fs.lstatSync(path.join(folder, name), { throwIfNoEntry: false })
  if (!stat) return [] // it went while we looked
  const kinds = {
    file: stat.isFile(),
    directory: stat.isDirectory(),
    symlink: stat.isSymbolicLink(),
  }
  const type = Object.keys(kinds).find((kind) => kinds[kind]) ?? 'other'
  return [JSON.stringify({ name, type, size: stat.size, mtimeMs: Math.floor(stat.mtimeMs) })]
}

function linkNodeModules() {
  try {
    if (fs.statSync('/app/node_modules').isDirectory()) {
      asNobody(() => fs.symlinkSync('/app/node_modules', at('node_modules')))
    }
  } catch {
    // the image has none, or the link is there
  }
}
