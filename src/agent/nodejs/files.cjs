// File requests: what they do. Each is a generator with nobody's rights, run in turns by its job: an
// object that it yields goes out as `started`, bytes go out on stream 1, nothing is a place to pause.

const NEW_FILE = 0o644
const PERMISSIONS = 0o7777
const LONGEST_PATH = 4095
const LONE_SURROGATE = /\p{Surrogate}/u
const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = fs.constants
const KINDS = { [S_IFREG]: 'file', [S_IFDIR]: 'directory', [S_IFLNK]: 'symlink' }
/** What a folder beneath the listed one may be: closed to us, gone, deeper than a path reaches. */
const OUT_OF_REACH = ['EACCES', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG']

const FILES = {
  *read({ path, offset = 0, length = Infinity }) {
    const fd = openRegular(at(path), fs.constants.O_RDONLY)
    try {
      yield describe(fs.fstatSync(fd))
      const chunk = Buffer.allocUnsafe(CHUNK) // all of it is sent before more is read
      for (let from = offset; from < offset + length;) {
        const count = fs.readSync(fd, chunk, 0, Math.min(CHUNK, offset + length - from), from)
        if (count === 0) return
        from += count
        yield chunk.subarray(0, count)
      }
    } finally {
      fs.closeSync(fd)
    }
  },

  /** Is given the bytes, and nothing at their end. */
  *write({ path, atomic, mode }) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants
    const target = at(path)
    const file = atomic ? beside(target) : target
    const kept = atomic ? modeToKeep(target) : undefined
    const bits = mode ?? kept
    const fd = openRegular(file, O_WRONLY | O_CREAT | (atomic ? O_EXCL | O_NOFOLLOW : 0))
    let isLeft = atomic
    try {
      try {
        if (bits !== undefined) fs.fchmodSync(fd, bits)
        fs.ftruncateSync(fd)
        for (let data = yield {}; data; data = yield) writeAll(fd, data)
      } finally {
        fs.closeSync(fd) // a file system may say only here that it had no room
      }
      if (atomic) asNobody(() => rename(file, target))
      isLeft = false
    } finally {
      if (isLeft) asNobody(() => unlink(file, 'ENOENT'))
    }
  },

  *list({ path, recursive }) {
    const top = `${at(path)}/`
    const folders = ['']
    let lines = ''
    while (folders.length > 0) {
      const folder = folders.pop()
      const expected = folder === '' ? [] : OUT_OF_REACH
      for (const name of namesIn(top + folder, ...expected)) {
        const stat = statOf(top + folder + name, ...expected)
        if (recursive && stat?.isDirectory()) folders.push(`${folder}${name}/`)
        if (stat) lines += entryLine(folder + name, stat)
        const isMuch = lines.length >= CHUNK
        yield isMuch ? Buffer.from(lines) : undefined
        if (isMuch) lines = ''
      }
      yield
    }
    yield Buffer.from(lines)
  },

  *stat({ path }) {
    yield Buffer.from(entryLine(path, fs.statSync(encode(at(path)))))
  },

  *mkdir({ path, recursive }) {
    const whole = at(path)
    if (!recursive) return fs.mkdirSync(encode(whole))
    if (isFolder(whole)) return
    for (const { index } of whole.matchAll(/[^/](?=\/|$)/g)) {
      const folder = whole.slice(0, index + 1)
      if (!isFolder(folder)) codeOf(() => fs.mkdirSync(encode(folder)), 'EEXIST')
      yield
    }
    if (!isFolder(whole)) throw failure('EEXIST', 'file already exists')
  },

  *move({ path, to }) {
    yield rename(at(path), at(to))
  },

  /** A folder is gone through again when those in it are gone: no more than the way down is kept. */
  *delete({ path, recursive }) {
    const top = at(path).replace(/(?<=.)\/+$/, '') // with a slash a link would be followed
    if (!recursive) return unlink(top)
    const folders = unlink(top, 'EISDIR') ? [top] : []
    while (folders.length > 0) {
      const folder = folders.at(-1)
      const depth = folders.length
      let isFar = false
      for (const name of namesIn(folder, 'ENOENT')) {
        const code = unlink(`${folder}/${name}`, 'EISDIR', 'ENOENT', 'ENAMETOOLONG')
        if (code === 'EISDIR') folders.push(`${folder}/${name}`)
        isFar ||= code === 'ENAMETOOLONG'
        yield
      }
      if (isFar) folders.splice(depth - 1, Infinity, moveNearer(folder, top))
      else if (folders.length === depth) codeOf(() => fs.rmdirSync(encode(folders.pop())), 'ENOENT')
      yield
    }
  },
}

// What they are made of

const at = (path) => (path.startsWith('/') ? path : `${WORKSPACE}/${path}`)

/** A name in the folder of another, short, because the other may be as long as a name can be. */
const beside = (path) => path.slice(0, path.lastIndexOf('/') + 1) + unusedName()
const unusedName = () => `.hono-sandbox-${require('node:crypto').randomUUID()}` // 2 ms to load: not for all

function failure(code, message) {
  return Object.assign(new Error(message), { code })
}

/** A path for a system call. What `decode` made of a byte is that byte again. */
function encode(path) {
  if (path.includes('\0')) throw failure('EINVAL', 'a path with a null byte')
  if (path.length > LONGEST_PATH) throw failure('ENAMETOOLONG', 'file name too long')
  return LONE_SURROGATE.test(path) ? Buffer.concat(Array.from(path, encodeCharacter)) : path
}

function encodeCharacter(character) {
  if (!LONE_SURROGATE.test(character)) return Buffer.from(character)
  const byte = character.charCodeAt(0) - 0xdc00
  if (byte < 0x80 || byte > 0xff) throw failure('EINVAL', 'a path that is no text')
  return Buffer.of(byte)
}

/** A name from a system call. A byte that is not UTF-8 is a character of its own, U+DC80 and on. */
function decode(bytes) {
  const text = bytes.toString()
  if (!text.includes('\uFFFD')) return text
  let name = ''
  for (let next = 0; next < bytes.length;) {
    const [character] = bytes.toString('utf8', next, next + 4)
    const same = Buffer.from(character)
    const isThere = same.equals(bytes.subarray(next, next + same.length))
    name += isThere ? character : String.fromCharCode(0xdc00 + bytes[next])
    next += isThere ? same.length : 1
  }
  return name
}

/** Runs it; the code of its failure, where it is one of those that may be. */
function codeOf(action, ...expected) {
  try {
    action()
  } catch (error) {
    if (!expected.includes(error.code)) throw error
    return error.code
  }
}

const rename = (from, to) => fs.renameSync(encode(from), encode(to))
const unlink = (path, ...expected) => codeOf(() => fs.unlinkSync(encode(path)), ...expected)
const isFolder = (path) =>
  fs.statSync(encode(path), { throwIfNoEntry: false })?.isDirectory() ?? false

/** What is there without following a link; nothing where it went while we looked. */
function statOf(path, ...expected) {
  let stat
  codeOf(() => (stat = fs.lstatSync(encode(path), { throwIfNoEntry: false })), ...expected)
  return stat
}

/** Without waiting for a FIFO's other end, nor getting a terminal that could hang up. */
function openRegular(path, flags) {
  const { O_NONBLOCK, O_NOCTTY } = fs.constants
  const fd = fs.openSync(encode(path), flags | O_NONBLOCK | O_NOCTTY, NEW_FILE)
  try {
    checkRegular(fs.fstatSync(fd))
    return fd
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

function checkRegular(stat) {
  if (stat.isDirectory()) throw failure('EISDIR', 'illegal operation on a directory')
  if (!stat.isFile()) throw failure('EINVAL', 'not a regular file')
}

/** What the file has that is to be replaced, or what a new one gets. A link is replaced itself. */
function modeToKeep(path) {
  const stat = statOf(path)
  if (!stat && path.endsWith('/')) throw failure('EISDIR', 'illegal operation on a directory')
  if (!stat || stat.isSymbolicLink()) return NEW_FILE
  checkRegular(stat)
  return stat.mode & PERMISSIONS
}

/** A folder's names. Where it cannot be opened, and may not be, there are none. */
function* namesIn(folder, ...expected) {
  let names
  const open = () => (names = fs.opendirSync(encode(folder), { encoding: 'buffer' }))
  if (codeOf(open, ...expected)) return
  try {
    for (let next = names.readSync(); next; next = names.readSync()) yield decode(next.name)
  } finally {
    names.closeSync()
  }
}

/** A folder so deep that no path reaches what is in it. */
function moveNearer(folder, top) {
  const nearer = `${top}/${unusedName()}`
  rename(folder, nearer)
  return nearer
}

const describe = ({ size, mtimeMs, mode }) => ({ size, mtimeMs, mode: mode & PERMISSIONS })

function entryLine(path, stat) {
  const type = KINDS[stat.mode & S_IFMT] ?? 'other'
  return `${JSON.stringify({ path, type, ...describe(stat) })}\n`
}

/** A program that was killed could not remove the file it ran from. */
function removeMain(cwd, pid, code) {
  const type = typescript ? 'ts' : 'js'
  const names = [cwd, WORKSPACE].flatMap((folder) => [
    `${folder}/main-${pid}.${type}`,
    `${folder}/main.${type}`,
  ])
  const remove = (name) => {
    try {
      return holds(name, Buffer.from(code)) && !unlink(name)
    } catch {
      return false // it is not there, or something else is
    }
  }
  asNobody(() => names.some(remove))
}

function holds(path, bytes) {
  const fd = openRegular(path, fs.constants.O_RDONLY)
  try {
    return fs.fstatSync(fd).size === bytes.length && fs.readFileSync(fd).equals(bytes)
  } finally {
    fs.closeSync(fd)
  }
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
