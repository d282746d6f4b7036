// The operations that start programs: `run`, `open` and `exec`. Runs in the agent.

const fs = require('node:fs')
const { Context, checkNewName, runInContext } = require('./contexts.cjs')
const { settingsOf } = require('./environment.cjs')
const { Program } = require('./program.cjs')
const { CHUNK, Kind, Stream, sendData, sendJson } = require('./protocol.cjs')
const { requests } = require('./requests.cjs')
const { asNobody } = require('./rights.cjs')
const { giveLastTask, giveTask, prepareSpare, takeProcess } = require('./spare.cjs')
const { spawnProgram } = require('./spawn.cjs')
const { removeMainFile } = require('./workspace.cjs')

const SPARE_DELAY_MS = 10

const PROGRAM_OPERATIONS = {
  run(id, request) {
    if (request.context !== undefined) return runInContext(id, request)
    const { child, settings } = takeProcess(request)
    const { code, call, timeoutMs } = request
    start(new Program(id, child), 'node').setDeadline(timeoutMs)
    child.once('exit', prepareLater)
    child.once('exit', (_, signal) => signal && removeMainFile(settings.cwd, child.pid, code))
    giveLastTask(child, { ...settings, code, call })
  },

  open(id, request) {
    checkNewName(request.context)
    const { child, settings } = takeProcess(request)
    start(new Context(id, child, request.context), 'node')
    prepareLater()
    giveTask(child, { ...settings, isContext: true })
  },

  exec(id, request) {
    const settings = settingsOf(request)
    const [name] = request.argv
    let child
    let isFolderMissing
    try {
      const stat = asNobody(() => fs.statSync(settings.cwd, { throwIfNoEntry: false }))
      isFolderMissing = !stat?.isDirectory()
      child = spawnProgram(request.argv, settings)
    } catch (error) {
      // E2BIG and a folder without access are thrown here. ENOENT and the like are emitted.
      sendData(id, Stream.STDERR, Buffer.from(`${name}: ${error.message}\n`).subarray(-CHUNK))
      return sendJson(Kind.DONE, id, { exitCode: 126, signal: null })
    }
    const program = start(new Program(id, child), isFolderMissing ? settings.cwd : name)
    program.setDeadline(request.timeoutMs)
    child.once('exit', prepareLater)
    if (child.pid) sendJson(Kind.STARTED, id, { pid: child.pid })
  },
}

/** Makes a program a request that is under way. An error of the start begins with `name`. */
function start(program, name) {
  requests.set(program.id, program)
  program.child.once('error', (error) => program.failToStart(error, name))
  return program
}

/** The next spare starts after the answer to the host, because both need the processor. */
function prepareLater() {
  setTimeout(prepareSpare, SPARE_DELAY_MS)
}

module.exports = { PROGRAM_OPERATIONS }
