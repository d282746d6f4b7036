// Tells programs the name of their user. Runs in the agent. A container with a user id of its own has an
// image whose /etc/passwd does not know the id, and a root that is read-only. The C library asks a name
// service cache (nscd, of glibc and musl) before it says that a user does not exist. The engine mounts
// the folder of that service, which only root can write to.

const fs = require('node:fs')
const net = require('node:net')
const { workspace } = require('./config.cjs')
const { NOBODY, USER_NAME, hasOwnUser } = require('./rights.cjs')

const ADDRESS = '/run/nscd/socket'
const VERSION = 2
const USER_BY_NAME = 0
const USER_BY_ID = 1
const GROUP_BY_NAME = 2
const GROUP_BY_ID = 3
const GROUPS_OF_USER = 15
/** Version, type and length of the key. */
const HEADER = 12
const MAX_CONNECTIONS = 16

/** Serves the lookups of programs, if the container has a user of its own. */
function serveUsers() {
  if (!hasOwnUser) return
  const connections = new Set()
  const server = net.createServer((connection) => {
    connections.add(connection)
    if (connections.size > MAX_CONNECTIONS) {
      const [oldest] = connections // it has sent no query
      oldest.destroy()
    }
    connection.on('close', () => connections.delete(connection))
    connection.on('error', () => {}) // the program is gone
    connection.once('data', (query) => connection.end(answerTo(query)))
  })
  server.on('error', () => {}) // this engine has not mounted the folder
  server.listen({ path: ADDRESS, readableAll: true, writableAll: true })
}

/** The answer to a query. It is empty if none is known: the C library looks into its own files then. */
function answerTo(query) {
  const [version, type, size] = query.length > HEADER ? numbersOf(query) : []
  const key = query.toString('latin1', HEADER, query.length - 1)
  if (version !== VERSION || query.length !== HEADER + size || query.at(-1) !== 0) return ''
  if (type === USER_BY_NAME || type === USER_BY_ID) {
    return userAnswer(find('/etc/passwd', ownUser(), type === USER_BY_NAME ? 0 : 2, key))
  }
  if (type === GROUP_BY_NAME || type === GROUP_BY_ID) {
    return groupAnswer(find('/etc/group', ownGroup(), type === GROUP_BY_NAME ? 0 : 2, key))
  }
  return type === GROUPS_OF_USER ? groupsAnswer(key) : ''
}

const ownUser = () => [USER_NAME, 'x', `${NOBODY}`, `${NOBODY}`, '', workspace, '/bin/sh']
const ownGroup = () => [USER_NAME, 'x', `${NOBODY}`, '']

const find = (file, own, field, value) =>
  [own, ...linesOf(file, own.length)].find((line) => line[field] === value)

/** The fields of the lines of a file of the image that have this many. */
function linesOf(file, count) {
  try {
    const lines = fs.readFileSync(file, 'latin1').split('\n')
    return lines.map((line) => line.trim().split(':')).filter(({ length }) => length === count)
  } catch {
    return []
  }
}

function userAnswer(fields) {
  if (!fields) return numbers(VERSION, 0, 0, 0, 0, 0, 0, 0, 0)
  const [name, password, uid, gid, ...others] = fields
  const ids = [Number(uid), Number(gid)]
  const header = numbers(VERSION, 1, ...sizesOf(name, password), ...ids, ...sizesOf(...others))
  return Buffer.concat([header, texts(name, password, ...others)])
}

function groupAnswer(fields) {
  if (!fields) return numbers(VERSION, 0, 0, 0, 0, 0)
  const [name, password, gid, list] = fields
  const members = list ? list.split(',') : []
  const header = [VERSION, 1, ...sizesOf(name, password), Number(gid), members.length]
  return Buffer.concat([
    numbers(...header, ...sizesOf(...members)),
    texts(name, password, ...members),
  ])
}

/** The groups that have a user as a member, beside the user's own. */
function groupsAnswer(name) {
  const found = linesOf('/etc/group', 4).filter(([, , , members]) =>
    members.split(',').includes(name),
  )
  return numbers(VERSION, 1, found.length, ...found.map(([, , gid]) => Number(gid)))
}

const sizesOf = (...fields) => fields.map(({ length }) => length + 1)
const texts = (...fields) => Buffer.from(fields.map((field) => `${field}\0`).join(''), 'latin1')
/** Numbers of 4 bytes, in the order of bytes of this machine. */
const numbers = (...values) => Buffer.from(Uint32Array.from(values).buffer)
const numbersOf = (bytes) => new Uint32Array(Uint8Array.from(bytes.subarray(0, HEADER)).buffer)

module.exports = { serveUsers }
