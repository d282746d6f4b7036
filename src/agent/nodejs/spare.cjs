// The spare: a process that has started and waits for its task. Runs in the agent.

const { bundleForSpare } = require('./bundle.cjs')
const { MESSAGES, TASKS } = require('./child-protocol.cjs')
const { configText } = require('./config.cjs')
const { environment } = require('./environment.cjs')
const { MessagePipe } = require('./message-pipe.cjs')
const { preparePipes } = require('./program-pipes.cjs')
const { spawnProgram } = require('./spawn.cjs')

let spare = null

/** Starts a spare if there is none, and makes the pipes of the next programs. */
function prepareSpare() {
  if (!spare) {
    const child = spawnProgram([process.execPath, ...process.execArgv, configText, `${TASKS}`], {
      cwd: '/',
      env: environment,
      extraStdio: ['pipe', 'pipe'],
    })
    child.messages = new MessagePipe(child.stdio[MESSAGES])
    child.stdio[TASKS].on('error', () => {}).write(bundleForSpare())
    child.once('error', () => dropSpare(child)).once('exit', () => dropSpare(child))
    spare = child
  }
  preparePipes()
  return spare
}

function dropSpare(child) {
  if (spare !== child) return
  spare = null
  for (const pipe of Object.values(child.pipes)) pipe.destroy()
}

/** The spare, which belongs to the caller from now on. */
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

module.exports = { giveLastTask, giveTask, prepareSpare, takeSpare }
