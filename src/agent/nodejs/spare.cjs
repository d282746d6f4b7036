// The spare: a process that has started and waits for its task. If a task cannot use the spare, it
// gets another process. Runs in the agent.

const fs = require('node:fs')
const { bundleForSpare } = require('./bundle.cjs')
const { MESSAGES, TASKS } = require('./child-protocol.cjs')
const { configText } = require('./config.cjs')
const { environment, needNewProcess, settingsOf } = require('./environment.cjs')
const { MessagePipe } = require('./message-pipe.cjs')
const { preparePipes } = require('./program-pipes.cjs')
const { asNobody } = require('./rights.cjs')
const { spawnProgram } = require('./spawn.cjs')

let spare = null

/** Starts a spare if there is none, and makes the pipes of the next programs. */
function prepareSpare() {
  if (!spare) {
    const child = startProcess({ cwd: '/', env: environment }, configText)
    child.isSpare = true
    child.once('error', () => dropSpare(child)).once('exit', () => dropSpare(child))
    spare = child
  }
  preparePipes()
  return spare
}

/** Starts a process that waits for a task. */
function startProcess(settings, config) {
  const command = [process.execPath, ...process.execArgv, config, `${TASKS}`]
  const child = spawnProgram(command, { ...settings, extraStdio: ['pipe', 'pipe'] })
  child.messages = new MessagePipe(child.stdio[MESSAGES])
  child.stdio[TASKS].on('error', () => {}).write(bundleForSpare())
  return child
}

function dropSpare(child) {
  if (spare !== child) return
  spare = null
  for (const pipe of Object.values(child.pipes)) pipe.destroy()
}

/**
 * A process for a program, and the settings that it does not have yet. It belongs to the caller from
 * now on. If variables of the request would have no effect in the spare, it is a new process.
 */
function takeProcess(request) {
  const settings = settingsOf(request)
  if (!needNewProcess(request.env)) return { child: takeSpare(), settings }
  const cwd = isFolder(settings.cwd) ? settings.cwd : '/' // the runner reports the error
  const config = JSON.stringify({ ...JSON.parse(configText), preload: [] })
  const child = startProcess({ cwd, env: settings.env }, config)
  return { child, settings: { ...settings, env: undefined } }
}

function isFolder(path) {
  try {
    return asNobody(() => fs.statSync(path).isDirectory())
  } catch {
    return false
  }
}

function takeSpare() {
  if (!spare?.pid) prepareSpare()
  const child = spare
  spare = null
  return child
}

/** Gives a process a task, which is a line of JSON. */
function giveTask(child, task) {
  child.stdio[TASKS]?.write(encodeTask(task))
}

/** Gives a process its last task. */
function giveLastTask(child, task) {
  child.stdio[TASKS]?.end(encodeTask(task))
}

const encodeTask = (task) => `${JSON.stringify(task)}\n`

module.exports = { giveLastTask, giveTask, prepareSpare, takeProcess }
