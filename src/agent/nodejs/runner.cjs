// The entry of a process that runs programs: it prepares the process, waits for a task, and becomes
// a program or a context.

const { readSync } = require('node:fs')
const path = require('node:path')
const { serveContext } = require('./cells.cjs')
const { TASKS } = require('./child-protocol.cjs')
const { prepareImport } = require('./compile.cjs')
const { preload, workspace } = require('./config.cjs')
const { removeEvalGlobals } = require('./eval-globals.cjs')
const { Buffer, exit, parse, process } = require('./globals.cjs')
const { loadModules } = require('./preload.cjs')
const { display } = require('./results.cjs')
const { runScript } = require('./script.cjs')
const { makeOutputBlocking, redirectStdinPaths } = require('./standard-streams.cjs')
const { loadTypeScript } = require('./typescript.cjs')
const { hideOurWarnings } = require('./warnings.cjs')

const CHUNK = 65536
const LINE_END = 0x0a

function start() {
  makeOutputBlocking()
  redirectStdinPaths()
  hideOurWarnings()
  loadTypeScript()
  prepareImport(path.join(workspace, 'main.js'))
  if (preload.length > 0) void loadModules().then(runTask)
  else runTask()
}

/** The task runs in the next tick: Node sets the globals of `-e` when this script has ended. */
function runTask() {
  const task = readTask()
  process.nextTick(() => {
    removeEvalGlobals()
    globalThis.display = display
    if (task.isContext) serveContext(task)
    else runScript(task)
  })
}

/**
 * Waits for a line of JSON. At the end of the input there is nothing to do, and the process exits.
 */
function readTask() {
  const chunks = []
  do {
    const chunk = Buffer.allocUnsafe(CHUNK)
    chunks.push(chunk.subarray(0, readSync(TASKS, chunk)))
    if (chunks.at(-1).length === 0) exit(0)
  } while (chunks.at(-1).at(-1) !== LINE_END)
  return parse(Buffer.concat(chunks))
}

module.exports = { start }
