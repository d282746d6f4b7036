// The text of `node -e` for the agent, spares, programs and contexts. It reads the bundle from a
// descriptor and starts the entry of the process. The bundle is not an argument, because the engine
// records each argument in several places.
{
  const fs = require('node:fs')
  const { Script } = require('node:vm')
  const fd = Number(process.argv[2] ?? 0)
  const readExactly = (size) => {
    const data = Buffer.alloc(size)
    for (let length = 0; length < size;) {
      const count = fs.readSync(fd, data, length, size - length, null)
      if (count === 0) process.exit(0) // the other end is closed
      length += count
    }
    return data
  }
  const bundle = readExactly(readExactly(9).readUInt32BE(5))
  const end = 4 + bundle.readUInt32BE(0)
  const cachedData = end > 4 ? bundle.subarray(4, end) : undefined
  const script = new Script(bundle.toString('utf8', end), { filename: 'node:sandbox', cachedData })
  const modules = script.runInThisContext()
  const module = {}
  modules['./load.cjs'](require, module)
  const load = module.exports.createRequire(modules, require)
  load(fd === 0 ? './agent.cjs' : './runner.cjs').start(script, bundle)
}
