// A process of the user's, warm, that waits for its code on descriptor 3. A source of its own.

'use strict'
{
  const fs = require('node:fs')
  const Module = require('node:module')
  const path = require('node:path')

  // Made now rather than in the run, and blocking: Node keeps what a full pipe does not take in
  // memory, where a kill or process.exit() loses it.
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true)

  // What `node -e` has as globals and a script has not: every module, by its name, and these.
  const scriptsToo = new Set(['console', 'crypto', 'process'])
  const builtins = Module.builtinModules.filter((name) => !scriptsToo.has(name))
  const evalsOwn = ['require', 'exports', '__filename', '__dirname', ...builtins]

  // Our stdin is a pipe with a name that is gone: to open it once more, as /dev/stdin, would wait for
  // a writer when the input is over. The descriptor is there already.
  const stdin = (file) => (file === '/dev/stdin' || file === '/proc/self/fd/0' ? 0 : file)
  for (const name of ['readFileSync', 'readFile']) {
    const read = fs[name]
    fs[name] = (file, ...rest) => read(stdin(file), ...rest)
  }
  for (const [name, answer] of Object.entries({
    openSync: () => 0,
    open: (...rest) => process.nextTick(rest.at(-1), null, 0),
  })) {
    const open = fs[name]
    fs[name] = (file, ...rest) => (stdin(file) === 0 ? answer(...rest) : open(file, ...rest))
  }
  Module.syncBuiltinESMExports()

  const text = fs.readFileSync(3, 'utf8')
  if (text === '') process.exit(0)
  fs.closeSync(3)
  const { code, cwd, env, args } = JSON.parse(text)

  const write = (file) => {
    fs.writeFileSync(file, code, { flag: 'wx' })
    process.once('exit', () => fs.rmSync(file, { force: true }))
    return file
  }
  const place = (folder) => {
    try {
      return write(path.join(folder, 'main.js'))
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      return write(path.join(folder, `main-${process.pid}.js`))
    }
  }
  const placeIn = (folder, home) => {
    try {
      return place(folder)
    } catch (error) {
      if (!['EROFS', 'EACCES'].includes(error.code)) throw error
      return place(home) // a working directory that is not ours to write in
    }
  }

  try {
    process.chdir(cwd)
    const file = placeIn(cwd, process.env.HOME)
    for (const name of Object.keys(process.env)) delete process.env[name]
    Object.assign(process.env, env)
    process.execArgv = []
    process.argv = [process.execPath, file, ...args]
    process.nextTick(() => {
      for (const name of evalsOwn) delete globalThis[name]
    })
    process.nextTick(Module.runMain) // a tick of its own: no frame of ours in the user's stacks
  } catch (error) {
    console.error(`${error.name}: ${error.message}`)
    process.exit(1)
  }
}
