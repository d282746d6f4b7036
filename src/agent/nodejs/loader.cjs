// Takes the agent's program from stdin: as an argument it would go through all the engine's books.

{
  const fs = require('node:fs')
  const take = (size) => {
    const data = Buffer.alloc(size)
    for (let taken = 0; taken < size;) {
      const part = fs.readSync(0, data, taken, size - taken, null)
      if (part === 0) process.exit(0) // the host is gone
      taken += part
    }
    return data
  }
  const payload = take(take(9).readUInt32BE(5))
  const source = payload.toString('utf8', 4 + payload.readUInt32BE(0))
  new (require('node:vm').Script)(source, { filename: 'agent' }).runInThisContext()
}
