// Adapts stdin, stdout and stderr of a program to the pipes of the agent. Runs in the processes
// that run programs.

const fs = require('node:fs')
const Module = require('node:module')
const { Object, process } = require('./globals.cjs')

/**
 * Makes writes block. Otherwise Node keeps the output for a full pipe in memory, and a kill or
 * process.exit() loses it. The streams are made here, before the task, because that takes time.
 */
function makeOutputBlocking() {
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true)
}

const isStdin = (file) => file === '/dev/stdin' || file === '/proc/self/fd/0'

/**
 * Makes functions of `fs` use descriptor 0 for /dev/stdin. Stdin is a named pipe without its name:
 * to open it once more would wait for a writer when the input is over.
 */
function redirectStdinPaths() {
  for (const name of ['readFileSync', 'readFile']) {
    const read = fs[name]
    fs[name] = (file, ...rest) => read(isStdin(file) ? 0 : file, ...rest)
  }
  for (const [name, answer] of Object.entries({
    openSync: () => 0,
    open: (...rest) => process.nextTick(rest.at(-1), null, 0),
  })) {
    const open = fs[name]
    fs[name] = (file, ...rest) =>
      isStdin(file) || file === 0 ? answer(...rest) : open(file, ...rest)
  }
  Module.syncBuiltinESMExports()
}

module.exports = { makeOutputBlocking, redirectStdinPaths }
