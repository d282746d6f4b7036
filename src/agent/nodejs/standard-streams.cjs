// Adapts stdin, stdout and stderr of a program to the pipes of the agent. Runs in the processes
// that run programs.

const fs = require('node:fs')
const Module = require('node:module')
const { compile } = require('./compile.cjs')
const { Object, process } = require('./globals.cjs')

/**
 * Makes writes block. Otherwise Node keeps the output for a full pipe in memory, and a kill or
 * process.exit() loses it. The streams are made here, before the task, because that takes time.
 */
function makeOutputBlocking() {
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true)
}

/**
 * Makes functions of `fs` use descriptor 0 for /dev/stdin. Stdin is a named pipe without its name:
 * to open it once more would wait for a writer when the input is over.
 */
function redirectStdinPaths() {
  // These functions are in every stack trace of an error of `fs`, as functions of Node.
  const make = compile(`(${makeRedirected.toString()})`, 'node:fs').runInThisContext()
  const { readFileSync, readFile, openSync, open } = fs
  Object.assign(fs, make({ readFileSync, readFile, openSync, open }, process.nextTick))
  Module.syncBuiltinESMExports()
}

function makeRedirected(fs, nextTick) {
  const isStdin = (file) => file === '/dev/stdin' || file === '/proc/self/fd/0'
  return {
    readFileSync: (file, ...rest) => fs.readFileSync(isStdin(file) ? 0 : file, ...rest),
    readFile: (file, ...rest) => fs.readFile(isStdin(file) ? 0 : file, ...rest),
    openSync: (file, ...rest) => (isStdin(file) || file === 0 ? 0 : fs.openSync(file, ...rest)),
    open: (file, ...rest) =>
      isStdin(file) || file === 0 ? nextTick(rest.at(-1), null, 0) : fs.open(file, ...rest),
  }
}

module.exports = { makeOutputBlocking, redirectStdinPaths }
