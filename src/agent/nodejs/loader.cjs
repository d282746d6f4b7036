// Takes our program from a descriptor: as an argument it would go through all the engine's books.
// With it comes what V8 has made of it before, for the agent and for each process that runs code.

{
  const fs = require('node:fs')
  const { Script } = require('node:vm')
  const fd = Number(process.argv[2] ?? 0)
  const take = (size) => {
    const data = Buffer.alloc(size)
    for (let taken = 0; taken < size;) {
      const part = fs.readSync(fd, data, taken, size - taken, null)
      if (part === 0) process.exit(0) // the other end is gone
      taken += part
    }
    return data
  }
  const payload = take(take(9).readUInt32BE(5))
  const end = 4 + payload.readUInt32BE(0)
  const cachedData = end > 4 ? payload.subarray(4, end) : undefined
  const script = new Script(payload.toString('utf8', end), { filename: 'node:sandbox', cachedData })
  const { agent, runner } = script.runInThisContext()
  if (fd === 0) agent(script, payload)
  else runner()
}
