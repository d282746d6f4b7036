// Paths, as the host writes them and as system calls take them. Runs in the agent.

const { workspace } = require('./config.cjs')
const { failure } = require('./failure.cjs')

const LONGEST_PATH = 4095
const LONE_SURROGATE = /\p{Surrogate}/u
/** A byte that is not UTF-8 is a character from U+DC80 to U+DCFF on the wire. */
const FIRST_BYTE_CHARACTER = 0xdc00

const absolutePath = (path) => (path.startsWith('/') ? path : `${workspace}/${path}`)

/** A path for a system call. Each character that `decode` made of a byte is that byte again. */
function encode(path) {
  if (path.includes('\0')) throw failure('EINVAL', 'a path with a null byte')
  if (path.length > LONGEST_PATH) throw failure('ENAMETOOLONG', 'file name too long')
  return LONE_SURROGATE.test(path) ? Buffer.concat(Array.from(path, encodeCharacter)) : path
}

function encodeCharacter(character) {
  if (!LONE_SURROGATE.test(character)) return Buffer.from(character)
  const byte = character.charCodeAt(0) - FIRST_BYTE_CHARACTER
  if (byte < 0x80 || byte > 0xff) throw failure('EINVAL', 'a path that is no text')
  return Buffer.of(byte)
}

/** A name from a system call, as a string. */
function decode(bytes) {
  const text = bytes.toString()
  if (!text.includes('\uFFFD')) return text
  let name = ''
  for (let next = 0; next < bytes.length;) {
    const [character] = bytes.toString('utf8', next, next + 4)
    const encoded = Buffer.from(character)
    const isText = encoded.equals(bytes.subarray(next, next + encoded.length))
    name += isText ? character : String.fromCharCode(FIRST_BYTE_CHARACTER + bytes[next])
    next += isText ? encoded.length : 1
  }
  return name
}

/** A new path in the folder of another path. It is short: the other may be as long as possible. */
const siblingPath = (path) => path.slice(0, path.lastIndexOf('/') + 1) + unusedName()

/** `node:crypto` takes 2 ms to load, and few requests need a new name. */
const unusedName = () => `.hono-sandbox-${require('node:crypto').randomUUID()}`

module.exports = { absolutePath, decode, encode, siblingPath, unusedName }
